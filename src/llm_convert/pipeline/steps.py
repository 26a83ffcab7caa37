"""The steps of a DAG by name, each run the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llm_convert.contracts.bsda import parse_bsda
from llm_convert.contracts.steps import StepReport
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import unknown_name
from llm_convert.pipeline.check import check_night
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.converting import convert_rows
from llm_convert.pipeline.crawl import crawl
from llm_convert.pipeline.filtering import filter_rows
from llm_convert.pipeline.mapping import map_file_ids
from llm_convert.pipeline.results import map_results
from llm_convert.pipeline.tagging import tag_and_land
from llm_convert.ports import ObjectStore, Warehouse
from llm_convert.prompts import load_library
from llm_convert.settings import Settings
from llm_convert.tenants import publish_tenant


def _crawler(context: StepContext) -> dict[str, int]:
    # The job runs where no DAG file is: it reads the tenant's configuration from the store.
    publish_tenant(context.store, context.config)
    return crawl(context)


STEPS: dict[str, Callable[[StepContext], Any]] = {
    "crawler": _crawler,
    "fileid_mapping": map_file_ids,
    "fileid_mapping_hai": map_results,
    "filter": filter_rows,
    "converter": convert_rows,
    "tag": tag_and_land,
    "check": check_night,
}


def run_step(
    step: str,
    *,
    store: ObjectStore,
    warehouse: Warehouse,
    config: TenantConfig,
    bsda: str,
    source: str,
    settings: Settings,
) -> dict[str, Any]:
    """Run one step of one branch.

    Args:
        step: a key of ``STEPS``.
        source: the branch's name, such as ``shared_drive``.

    Returns:
        A small account that fits JSON.

    Raises:
        ConfigurationError: an unknown step or source.
        DataError: ``check`` found documents that need a person.
    """
    if step not in STEPS:
        raise unknown_name("step", step, STEPS)
    context = StepContext(
        store=store,
        warehouse=warehouse,
        config=config,
        settings=settings,
        prompts=load_library(settings.prompts_folder),
        bsda=parse_bsda(bsda),
        branch=source,
    )
    account = STEPS[step](context)
    return account.model_dump(mode="json") if isinstance(account, StepReport) else account
