"""Converting single files on the very path of a nightly run: for ``try`` and ``eval``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from llm_convert import wiring
from llm_convert.claims.heartbeat import Heartbeat
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts import keys
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import WorkItem, work_item_id
from llm_convert.conversion.convert import CODE_VERSION
from llm_convert.conversion.workshop import Workshop
from llm_convert.documents import ReadOptions
from llm_convert.errors import ConfigurationError
from llm_convert.objects import overwrite
from llm_convert.ports import Completer, ObjectStore
from llm_convert.programs import ProgramStore, Shelf
from llm_convert.settings import Settings

BSDA = "00010101000000"
"""No night's: what is converted here belongs to none."""


def open_workshop(
    settings: Settings,
    store: ObjectStore,
    engine: Completer,
    *,
    tenant: str,
    hidden_sheets: bool = False,
    force: bool = False,
) -> Workshop:
    """What a night's job works with, for one tenant of a shell's own."""
    clock, run_id = wiring.open_clock(), f"{tenant}-01"
    return Workshop(
        store=store,
        ledger=Ledger(
            store,
            tenant,
            owner=f"{tenant}-{os.getpid()}",
            run_id=run_id,
            lease_seconds=settings.lease_seconds,
            clock=clock,
        ),
        heartbeat=Heartbeat(settings.lease_seconds),
        engine=engine,
        reading=ReadOptions(include_hidden_sheets=hidden_sheets, max_bytes=settings.max_document_bytes),
        run_id=run_id,
        bsda=BSDA,
        max_output_tokens=settings.max_output_tokens,
        repairs=settings.repairs,
        tier_up=settings.tier_up,
        force=force,
        strategies=settings.strategies,
        programs=Shelf(ProgramStore(store, tenant)),
        clock=clock,
    )


def item_of(name: str, data: bytes, prompt: Prompt, workshop: Workshop, *, tenant: str) -> WorkItem:
    """The work item of a file's bytes, which are put into the workshop's store."""
    sha256 = hashlib.sha256(data).hexdigest()
    key = keys.landing(tenant, "files", "try", sha256)
    overwrite(workshop.store, key, data)
    identity = work_item_id(
        tenant=tenant,
        document_sha256=sha256,
        prompt_digest=prompt.digest,
        provider=workshop.engine.name,
        model=workshop.engine.model(prompt.tier),
        reading="hidden" if workshop.reading.include_hidden_sheets else "visible",
        code_version=CODE_VERSION,
    )
    return WorkItem(
        id=identity,
        tenant=tenant,
        file_id="TRY",
        prompt_id=prompt.prompt_id,
        document_key=key,
        document_name=name,
        document_sha256=sha256,
        size_bytes=len(data),
    )


def bytes_of(path: Path) -> bytes:
    """A file's bytes. Raises ConfigurationError where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}", remedy="Check the path.") from None
