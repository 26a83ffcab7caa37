"""From what a task was given, templates rendered, to a conversion that is ready to launch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_convert.airflow.batch import Batch, launch_keys
from llm_convert.airflow.bsda import RunTimes, resolve_bsda
from llm_convert.contracts.base import parse
from llm_convert.contracts.launch import JobRequest
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from llm_convert.airflow.waiting import Waiting
    from llm_convert.contracts.tenant import TenantConfig
    from llm_convert.ports import ObjectStore

_EMPTY = frozenset({"", "none", "null"})
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a task asks for; every value may be text that a template was rendered to."""

    tenant: str = ""
    """By default the configuration's own."""
    bsda: str | None = None
    file_id: str | None = None
    prompt_id: str | None = None
    force: bool | str = False


def open_batch(
    asked: Asked,
    context: Mapping[str, Any],
    *,
    config: TenantConfig | None,
    settings: Settings | None,
    retries: int | None,
) -> tuple[Batch, tuple[str, ...]]:
    """The conversion a task asks for, and the launch keys to try in their order.

    Raises:
        ConfigurationError: for an unknown tenant, or a value that is none.
    """
    from llm_convert import wiring

    settings = settings or Settings.from_environment()
    store = wiring.open_store(settings)
    config = _configuration(store, settings, asked, config)
    keys = launch_keys(context["ti"], retries)
    fields = {
        "tenant": config.customer_code,
        "bsda": resolve_bsda(config, text_of(asked.bsda), RunTimes.of(context)),
        "file_id": text_of(asked.file_id),
        "prompt_id": text_of(asked.prompt_id),
        "force": flag_of(asked.force),
        "launch_key": keys[0],
    }
    request = parse(JobRequest, fields, where="the task")
    return Batch(store=store, backend=wiring.open_backend(settings, config), settings=settings, request=request), keys


def resume_batch(waiting: Waiting, *, config: TenantConfig | None, settings: Settings | None) -> Batch:
    """The conversion that a deferred task waited for, at the place where it was launched.

    Raises:
        ConfigurationError: for an unknown tenant, or a variable of this process that can't be read.
    """
    from llm_convert import wiring
    from llm_convert.tenants import load_tenant

    settings = (settings or Settings.from_environment()).model_copy(update=waiting.place.model_dump())
    store = wiring.open_store(settings)
    tenant = waiting.request.tenant
    if config is None or tenant != config.customer_code:
        config = load_tenant(store, tenant, folder=settings.tenants)
    batch = Batch(
        store=store, backend=wiring.open_backend(settings, config), settings=settings, request=waiting.request
    )
    batch.launched = waiting.launched()
    return batch


def _configuration(store: ObjectStore, settings: Settings, asked: Asked, config: TenantConfig | None) -> TenantConfig:
    from llm_convert.tenants import load_tenant, publish_tenant

    tenant = text_of(asked.tenant) or ""
    if config is None or tenant not in {"", config.customer_code}:
        return load_tenant(store, tenant, folder=settings.tenants)
    # A cleared task runs without the crawler before it; what the DAG file says now must reach the job all the same.
    publish_tenant(store, config)
    return config


def text_of(value: object) -> str | None:
    """A rendered template as text; None for nothing, also as Jinja writes it: the word None."""
    text = "" if value is None else str(value).strip()
    return None if text.lower() in _EMPTY else text


def flag_of(value: object) -> bool:
    """A boolean, or a rendered template of one; nothing is false.

    Raises:
        ConfigurationError: for any other text.
    """
    if isinstance(value, bool):
        return value
    text = text_of(value)
    if text is None:
        return False
    if text.lower() not in _BOOLEANS:
        raise ConfigurationError(f"force is {text!r}", remedy="Give true or false.")
    return _BOOLEANS[text.lower()]
