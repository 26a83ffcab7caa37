"""What a run has to do: every crawled document of the night, under every prompt that serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

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
    """One line of the report to come: a work item, or the reason why there is none.

    Lean, for a run may have 100,000: contracts are made of it when they are needed.
    """

    tenant: str
    source: str
    name: str
    sha256: str
    size_bytes: int
    key: str
    file_id: str | None = None
    note: str = ""
    """What a person should know of how it came to be converted."""
    prompt: Prompt | None = None
    item_id: str = ""
    """Of its work item; empty where there is none."""
    cause: Cause | None = None
    detail: str = ""
    """Why there is none."""

    @classmethod
    def of(cls, tenant: str, entry: ManifestEntry, **facts: Any) -> Self:
        """A line for a manifest's entry."""
        file = entry.file
        return cls(
            tenant=tenant,
            source=file.source,
            name=file.name,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            key=file.key,
            file_id=entry.file_id,
            **facts,
        )

    @property
    def is_work(self) -> bool:
        """Whether there is a work item."""
        return bool(self.item_id)

    @property
    def item(self) -> WorkItem | None:
        """The work item; None where there is none."""
        if self.prompt is None or self.file_id is None or not self.item_id:
            return None
        return WorkItem(
            id=self.item_id,
            tenant=self.tenant,
            file_id=self.file_id,
            prompt_id=self.prompt.prompt_id,
            document_key=self.key,
            document_name=self.name,
            document_sha256=self.sha256,
            size_bytes=self.size_bytes,
            optional=self.prompt.optional,
        )

    @property
    def skipped(self) -> ItemReport | None:
        """Its line of the report where there is no work item."""
        if self.is_work:
            return None
        remedy = f". {REMEDIES[self.cause]}" if self.cause is not None else ""
        return ItemReport(
            document=self.name,
            source=self.source,
            sha256=self.sha256,
            file_id=self.file_id,
            outcome=Outcome.SKIPPED,
            cause=self.cause,
            detail=f"{self.detail}{remedy}",
        )


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


def read_entries(store: ObjectStore, tenant: str, bsda: str) -> Iterator[ManifestEntry]:
    """The entries of all sources of a night, by source id; none when nothing was crawled and mapped."""
    for info in store.list(keys.documents(tenant, bsda)):
        _, entries = Manifest.read_lines(store.read(info.key).data)
        yield from entries


def plan(
    tenant: str,
    entries: Iterable[ManifestEntry],
    prompts: PromptLibrary,
    narrowing: Narrowing,
    engine: Completer,
    *,
    reading: str,
) -> list[Planned]:
    """Every manifest entry in order, with its work items or the reason why it has none.

    Args:
        tenant: whose they are.
        entries: one by one; none is kept.
        prompts: what can be applied.
        narrowing: what was asked for.
        engine: names provider and models.
        reading: the settings that change what is read, as part of a work item's identity.
    """

    @cache
    def digest_of(prompt_id: str) -> str:
        return prompts.get(prompt_id).digest

    def item_id(entry: ManifestEntry, prompt: Prompt) -> str:
        return work_item_id(
            tenant=tenant,
            document_sha256=entry.file.sha256,
            prompt_digest=digest_of(prompt.prompt_id),
            provider=engine.name,
            model=engine.model(prompt.tier),
            reading=reading,
            code_version=CODE_VERSION,
        )

    found = [planned for entry in entries for planned in _plan_entry(tenant, entry, prompts, narrowing, item_id)]
    return _without_duplicates(found)


def _without_duplicates(found: list[Planned]) -> list[Planned]:
    """The same bytes under two names are one work item: converted twice at once they would be paid and landed twice."""
    first: dict[str, str] = {}
    kept = []
    for planned in found:
        if planned.is_work and first.setdefault(planned.item_id, planned.name) != planned.name:
            detail = f"the same bytes as {first[planned.item_id]}"
            planned = replace(planned, prompt=None, item_id="", cause=Cause.DUPLICATE, detail=detail)
        kept.append(planned)
    return kept


def _plan_entry(
    tenant: str,
    entry: ManifestEntry,
    prompts: PromptLibrary,
    narrowing: Narrowing,
    item_id: Callable[[ManifestEntry, Prompt], str],
) -> Iterator[Planned]:
    reason = _why_not(entry, narrowing)
    if reason is not None:
        yield Planned.of(tenant, entry, cause=reason[0], detail=reason[1])
        return
    assert entry.file_id is not None
    serving = prompts.serving(entry.file_id, narrowing.prompt_ids)
    if not serving:
        cause = Cause.NOT_ASKED_FOR if narrowing.prompt_ids else Cause.NO_PROMPT
        yield Planned.of(tenant, entry, cause=cause, detail=f"no prompt serves {entry.file_id}")
    for prompt in serving:
        yield Planned.of(tenant, entry, prompt=prompt, item_id=item_id(entry, prompt), note=entry.note)


def _why_not(entry: ManifestEntry, narrowing: Narrowing) -> tuple[Cause | None, str] | None:
    if entry.file_id is None:
        return Cause.UNMAPPED, entry.note or "no rule of file_mapping holds"
    if entry.table is not None:
        return None, f"tidy: read into the table {entry.table} without a model"
    if narrowing.file_ids and entry.file_id not in narrowing.file_ids:
        return Cause.NOT_ASKED_FOR, f"only {', '.join(narrowing.file_ids)} was asked for"
    return None
