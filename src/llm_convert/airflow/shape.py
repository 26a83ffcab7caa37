"""Which tasks a tenant's DAG has and what waits for what, told as plain data: no Airflow here.

A source that is crawled has one of three shapes:

    no model           crawler >> mapping >> filter >> converter >> tag
    a model            crawler >> mapping >> convert >> mapping of results >> filter >> converter >> tag
    a model, and       crawler >> mapping >> filter >> converter >> tag
    results_of it      mapping >> convert >> mapping of results >> filter >> converter >> tag  (of the other source)

Every branch ends at ``check``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError

CONVERT: Final = "llm_convert_batch"
"""The one step that starts the job; the others run in the worker."""
_TASK_IDS: Final = {
    "crawler": "crawler",
    "fileid_mapping": "fileid-mapping",
    CONVERT: "llm-convert-batch",
    "fileid_mapping_hai": "fileid-mapping-hai",
    "filter": "filter",
    "converter": "converter",
    "tag": "tag",
}
_LANDING: Final = ("filter", "converter", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task of a tenant's DAG."""

    task_id: str
    step: str
    """As ``pipeline.steps.run_step`` calls it, or ``CONVERT``."""
    source: str
    """The name of the source it works on; empty for ``check``."""
    after: tuple[str, ...] = ()
    """The task ids it waits for."""


def steps_of(config: TenantConfig) -> tuple[Step, ...]:
    """The steps of a tenant's DAG, each after the ones it waits for.

    Raises:
        ConfigurationError: for a source whose name cannot be part of a task id.
    """
    steps = tuple(step for name in config.sources for step in _crawled(config, name))
    ends = tuple(step.task_id for step in steps if step.step == "tag")
    return (*steps, Step(task_id="check", step="check", source="", after=ends))


def _crawled(config: TenantConfig, name: str) -> Iterator[Step]:
    source = config.source(name)
    if source.url is None:
        return
    takers = [other for other, its in config.sources.items() if its.results_of == name]
    crawler = _step("crawler", name)
    mapping = _step("fileid_mapping", name, after=crawler)
    yield from (crawler, mapping)
    if not source.llm_transform or takers:
        yield from _line(_LANDING, name, after=mapping)
    if source.llm_transform:
        convert = _step(CONVERT, name, after=mapping)
        yield convert
        for taker in takers or [name]:
            yield from _line(("fileid_mapping_hai", *_LANDING), taker, after=convert)


def _line(names: tuple[str, ...], source: str, *, after: Step) -> Iterator[Step]:
    for name in names:
        after = _step(name, source, after=after)
        yield after


def _step(name: str, source: str, *, after: Step | None = None) -> Step:
    if not re.fullmatch(r"[\w.-]+", source):
        raise ConfigurationError(
            f"the source name {source!r} can't be part of a task id",
            remedy="Use letters, digits, '-', '_' and '.' only.",
        )
    waits = () if after is None else (after.task_id,)
    return Step(task_id=f"{_TASK_IDS[name]}-{source}", step=name, source=source, after=waits)
