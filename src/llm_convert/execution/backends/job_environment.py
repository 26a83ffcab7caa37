"""What a job on another machine is told by its environment. Secrets and this machine's paths are never among it."""

from __future__ import annotations

from llm_convert.contracts.launch import JobRequest
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings

_OF_THIS_MACHINE = ("file", "duckdb")


def job_environment(
    settings: Settings, request: JobRequest, run_id: str, *, on_this_machine: bool = False
) -> dict[str, str]:
    """The variables of one run. What is not asked for is not set.

    Args:
        on_this_machine: an emulator runs the job here, so that local paths mean the same to it.

    Raises:
        ConfigurationError: the store is a folder of this machine, which the job could not see: it would find nothing
            to do, and its report would never be seen.
    """
    told = {"TENANT_CODE": request.tenant, "BSDA": request.bsda}
    asked = {"FILE_ID": request.file_id, "PROMPT_ID": request.prompt_id}
    told.update({name: value for name, value in asked.items() if value})
    told.update(LLM_CONVERT_RUN_ID=run_id, LLM_CONVERT_FORCE=str(request.force).lower())
    if _is_local(settings.store_url) and not on_this_machine:
        raise ConfigurationError(
            f"the store {settings.store_url} is a folder of this machine, which the job can't see",
            remedy="Set LLM_CONVERT_STORE=gs://BUCKET/PREFIX for the launcher.",
        )
    told["LLM_CONVERT_STORE"] = settings.store_url
    if on_this_machine or not _is_local(settings.warehouse_url):
        told["LLM_CONVERT_WAREHOUSE"] = settings.warehouse_url
    if "provider" in settings.model_fields_set:
        told["LLM_CONVERT_PROVIDER"] = settings.provider
    return told


def _is_local(url: str) -> bool:
    return url.partition(":")[0] in _OF_THIS_MACHINE
