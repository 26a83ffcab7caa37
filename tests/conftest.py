"""What holds for every test: no paid service can be reached, no setting of the developer's shell leaks in."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from guard import guarded_connect
from llm_convert.contracts.tenant import TenantConfig
from night import Night

# Beside the checkout, or beside a folder of checkouts.
BESIDE = [folder / "shared" / "data" / "real_workbooks" for folder in Path(__file__).parents[2:4]]
REAL_WORKBOOKS = next((folder for folder in BESIDE if folder.is_dir()), BESIDE[0])
# A busy machine is no fault of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
FOREIGN = ("LLM_CONVERT_", "ANTHROPIC_", "GOOGLE_", "CLOUD_", "AIRFLOW")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> Iterator[None]:
    """Tests set what they need; nothing of a developer's own settings or credentials is seen."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name in {"TENANT_CODE", "BSDA", "FILE_ID", "PROMPT_ID"}:
                patch.delenv(name)
        # Subprocesses can't be patched: a proxy that nobody serves keeps them from the outside world.
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost,::1")
        yield


@pytest.fixture(autouse=True)
def _no_paid_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuses connections to anywhere else, and fails the test even where a library swallows the refusal."""
    strangers: list[str] = []
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded_connect(getattr(socket.socket, name), strangers))
    yield
    assert not strangers, f"this test tried to reach {strangers}: tests may reach this machine alone"


@pytest.fixture
def real_workbooks() -> Path:
    """The folder of published messy workbooks; it is not part of the project."""
    if not REAL_WORKBOOKS.is_dir():
        pytest.skip("the published workbooks are not beside this checkout")
    return REAL_WORKBOOKS


SALES_PROMPT = """\
prompt_id: sales_lines
file_ids: [SALES]
instructions: A list of sales. The line 합계 is the total.
output:
  table: sales
  fields:
    - {name: item, aliases: [품목], required: true}
    - {name: sold_on, type: date, aliases: [판매일]}
    - {name: amount, type: decimal, aliases: [금액], unit: KRW, required: true}
checks:
  - {kind: sum, value: amount, label: item, totals: [합계]}
"""

TENANT = {
    "customer_code": "t1",
    "sources": {
        "shared_drive": {"id": "s1", "url": "drive", "llm_transform": True},
        "email": {"id": "e1", "results_of": "shared_drive"},
    },
    "file_mapping": [
        {"file_id": "SALES", "glob": "*매출*"},
        {"file_id": "VISITS", "glob": "*방문*.csv", "table": "visits"},
    ],
    "tables": [
        {
            "table": "visits",
            "columns": [
                {"name": "day", "type": "date", "aliases": ["일자"], "required": True},
                {"name": "branch", "aliases": ["지점"], "required": True},
                {"name": "visitors", "type": "integer", "aliases": ["객수"]},
            ],
            "key": ["day", "branch"],
        }
    ],
    "filters": {"visits": [{"field": "visitors", "op": ">", "value": 0, "reason": "closed that day"}]},
}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A tenant with a prompt, a tidy table and an empty drive."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "sales_lines.yaml").write_text(SALES_PROMPT, encoding="utf-8")
    (tmp_path / "drive").mkdir()
    return Night(home=tmp_path, config=TenantConfig.model_validate(TENANT))
