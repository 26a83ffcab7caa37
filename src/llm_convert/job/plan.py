"""What a run has to do: every crawled document of the night, under every prompt that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llm_convert.contracts import keys
from llm_convert.contracts.manifest import Manifest, ManifestEntry
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import REMEDIES, Cause, Outcome, WorkItem, work_item_id
from llm_convert.conversion.convert import CODE_VERSION
from llm_convert.errors import unknown_name
from llm_convert.ports import Completer, ObjectStore
from llm_convert.prompts import PromptLibrary


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One line of the report to come: a work item, or the reason why there is none."""

    entry: ManifestEntry
    item: WorkItem | None = None
    prompt: Prompt | None = None
    skipped: ItemReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a person asked for; empty: everything."""

    file_ids: tuple[str, ...] = ()
    prompt_ids: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, config: TenantConfig, prompts: PromptLibrary, *, file_id: str | None, prompt_id: str | None
    ) -> Narrowing:
        """The run's own FILE_ID and PROMPT_ID, else those of the tenant's configuration.

        Raises:
            ConfigurationError: for ids nobody knows, with the known ones.
        """
        if file_id and file_id not in config.file_ids:
            raise unknown_name("FILE_ID", file_id, config.file_ids, where=f"tenant {config.customer_code}")
        narrowing = cls(
            file_ids=(file_id,) if file_id else config.file_id,
            prompt_ids=(prompt_id,) if prompt_id else config.prompt_id,
        )
        for name in narrowing.prompt_ids:
            prompts.get(name)
        return narrowing


def read_manifests(store: ObjectStore, tenant: str, bsda: str) -> list[Manifest]:
    """The manifests of all sources of a night, by source id; empty when nothing was crawled and mapped."""
    prefix = keys.documents(tenant, bsda)
    return [Manifest.from_json(store.read(info.key).data) for info in store.list(prefix)]


def plan(
    manifests: list[Manifest], prompts: PromptLibrary, narrowing: Narrowing, engine: Completer, *, reading: str
) -> list[Planned]:
    """Every manifest entry in order, with its work items or the reason why it has none.

    Args:
        reading: the settings that change what is read, as part of a work item's identity.
    """
    found = [
        planned
        for manifest in manifests
        for entry in manifest.entries
        for planned in _plan_entry(manifest.tenant, entry, prompts, narrowing, engine, reading)
    ]
    return _without_duplicates(found)


def _without_duplicates(found: list[Planned]) -> list[Planned]:
    """The same bytes under two names are one work item: converted twice at once they would be paid and landed twice."""
    first: dict[str, str] = {}
    kept = []
    for planned in found:
        name = planned.entry.file.name
        if planned.item is not None and first.setdefault(planned.item.id, name) != name:
            detail = f"the same bytes as {first[planned.item.id]}"
            planned = Planned(entry=planned.entry, skipped=_skipped(planned.entry, Cause.DUPLICATE, detail))
        kept.append(planned)
    return kept


def _plan_entry(
    tenant: str,
    entry: ManifestEntry,
    prompts: PromptLibrary,
    narrowing: Narrowing,
    engine: Completer,
    reading: str,
) -> Iterator[Planned]:
    reason = _why_not(entry, narrowing)
    if reason is not None:
        yield Planned(entry=entry, skipped=_skipped(entry, *reason))
        return
    assert entry.file_id is not None
    serving = prompts.serving(entry.file_id, narrowing.prompt_ids)
    if not serving:
        cause = Cause.NOT_ASKED_FOR if narrowing.prompt_ids else Cause.NO_PROMPT
        yield Planned(entry=entry, skipped=_skipped(entry, cause, f"no prompt serves {entry.file_id}"))
    for prompt in serving:
        yield Planned(entry=entry, prompt=prompt, item=_work_item(tenant, entry, prompt, engine, reading))


def _why_not(entry: ManifestEntry, narrowing: Narrowing) -> tuple[Cause | None, str] | None:
    if entry.file_id is None:
        return Cause.UNMAPPED, entry.note or "no rule of file_mapping holds"
    if entry.table is not None:
        return None, f"tidy: read into the table {entry.table} without a model"
    if narrowing.file_ids and entry.file_id not in narrowing.file_ids:
        return Cause.NOT_ASKED_FOR, f"only {', '.join(narrowing.file_ids)} was asked for"
    return None


def _skipped(entry: ManifestEntry, cause: Cause | None, detail: str) -> ItemReport:
    remedy = f". {REMEDIES[cause]}" if cause is not None else ""
    return ItemReport(
        document=entry.file.name,
        source=entry.file.source,
        sha256=entry.file.sha256,
        file_id=entry.file_id,
        outcome=Outcome.SKIPPED,
        cause=cause,
        detail=f"{detail}{remedy}",
    )


def _work_item(tenant: str, entry: ManifestEntry, prompt: Prompt, engine: Completer, reading: str) -> WorkItem:
    assert entry.file_id is not None
    return WorkItem(
        id=work_item_id(
            tenant=tenant,
            document_sha256=entry.file.sha256,
            prompt_digest=prompt.digest,
            provider=engine.name,
            model=engine.model(prompt.tier),
            reading=reading,
            code_version=CODE_VERSION,
        ),
        tenant=tenant,
        file_id=entry.file_id,
        prompt_id=prompt.prompt_id,
        document_key=entry.file.key,
        document_name=entry.file.name,
        document_sha256=entry.file.sha256,
        size_bytes=entry.file.size_bytes,
        optional=prompt.optional,
    )
