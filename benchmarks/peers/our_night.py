"""A night's documents in a store of their own, crawled and mapped already, for the whole job to work on.

python benchmarks/peers/our_night.py HOME COUNT
"""

import hashlib
import sys
from pathlib import Path

import peer_work

from llm_convert.contracts import keys
from llm_convert.contracts.manifest import CrawledFile, Manifest, ManifestEntry
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.objects import overwrite
from llm_convert.stores.local import LocalObjectStore
from llm_convert.tenants import publish_tenant

TENANT, BSDA, SOURCE = "bench", "20251107230000", "s1"
PROMPT = """\
prompt_id: sales_lines
file_ids: [SALES]
instructions: A list of sales.
output:
  table: sales
  fields:
    - {name: item, aliases: [품목], required: true}
    - {name: sold_on, type: date, aliases: [판매일]}
    - {name: amount, type: decimal, aliases: [금액], unit: KRW, required: true}
"""
CONFIG = {
    "customer_code": TENANT,
    "sources": {"shared_drive": {"id": SOURCE, "url": "drive", "llm_transform": True}},
    "file_mapping": [{"file_id": "SALES", "glob": "*.csv"}],
}


def document(number: int) -> bytes:
    return f"품목,판매일,금액\n샴푸 {peer_work.marker(number)},2025-11-03,1000\n".encode()


def entry(root: Path, number: int) -> ManifestEntry:
    """Write one document where the crawler would, and tell of it."""
    data, name = document(number), f"{peer_work.marker(number)}.csv"
    key = keys.landing(TENANT, SOURCE, BSDA, name)
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    file = CrawledFile(source=SOURCE, name=name, sha256=sha256, size_bytes=len(data), key=key)
    return ManifestEntry(file=file, file_id="SALES")


def write(home: Path, count: int) -> None:
    (home / "prompts").mkdir(parents=True, exist_ok=True)
    (home / "prompts" / "sales_lines.yaml").write_text(PROMPT, encoding="utf-8")
    root = home / "store"
    store = LocalObjectStore(root)
    publish_tenant(store, TenantConfig.model_validate(CONFIG))
    entries = tuple(entry(root, number) for number in range(count))
    manifest = Manifest(tenant=TENANT, bsda=BSDA, source=SOURCE, entries=entries)
    overwrite(store, keys.documents(TENANT, BSDA, SOURCE), manifest.to_json())


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
