"""The only place that picks an adapter by its URL or name. Each is imported when it is picked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.contracts.urls import parts_of, path_of
from llm_convert.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from llm_convert.completion.recorder import Filing
    from llm_convert.completion.recordings import Recordings
    from llm_convert.completion.roles import Paces, Purse
    from llm_convert.contracts.tenant import TenantConfig
    from llm_convert.ports import (
        BatchService,
        Clock,
        Completer,
        ExecutionWatch,
        JobBackend,
        ModelProvider,
        ObjectStore,
        Warehouse,
    )
    from llm_convert.prompts import PromptLibrary
    from llm_convert.settings import Settings


PROVIDERS = ("rules", "vertex", "anthropic", "internal", "ollama", "recorded")


def open_store(settings: Settings) -> ObjectStore:
    """The object store of ``LLM_CONVERT_STORE``: ``file:///folder`` or ``gs://bucket/prefix``."""
    url = settings.store_url
    scheme = url.partition(":")[0]
    if scheme == "file":
        from llm_convert.stores.local import LocalObjectStore

        return LocalObjectStore(_path(url, "LLM_CONVERT_STORE"))
    if scheme == "gs":
        from llm_convert.stores.gcs import GcsObjectStore

        return GcsObjectStore.from_url(url)
    raise unknown_name("store", scheme, ["file", "gs"], where="LLM_CONVERT_STORE")


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of ``LLM_CONVERT_WAREHOUSE``: ``duckdb:///file`` or ``bigquery://project/dataset?location=...``."""
    url = settings.warehouse_url
    scheme = url.partition(":")[0]
    if scheme == "duckdb":
        from llm_convert.warehouses.duckdb import DuckDbWarehouse

        return DuckDbWarehouse(_path(url, "LLM_CONVERT_WAREHOUSE"))
    if scheme == "bigquery":
        from llm_convert.warehouses.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.from_url(url)
    raise unknown_name("warehouse", scheme, ["duckdb", "bigquery"], where="LLM_CONVERT_WAREHOUSE")


def open_backend(settings: Settings, config: TenantConfig | None = None) -> JobBackend:
    """The job backend of ``LLM_CONVERT_BACKEND``: ``subprocess``, ``cloud_run://...`` or ``cloud_build://...``.

    Args:
        config: the tenant's configuration, for what the URL leaves out.
    """
    scheme = settings.backend.partition(":")[0]
    if scheme == "subprocess":
        from llm_convert.execution.backends.subprocess import SubprocessBackend

        return SubprocessBackend(settings)
    if scheme in {"cloud_run", "cloud_build"}:
        url = parts_of(settings.backend)
        given = [*url.path, "", "", ""]
        project = given[0] or (config.project_id if config else "")
        region = given[1] or (config.llm_job_region if config else "")
        if scheme == "cloud_run":
            from llm_convert.execution.backends.cloud_run import CloudRunBackend

            return CloudRunBackend(
                settings, project=project, region=region, job=given[2] or (config.llm_job_name if config else "")
            )
        from llm_convert.execution.backends.cloud_build import CloudBuildBackend

        return CloudBuildBackend(settings, project=project, region=region, options=url.options)
    raise unknown_name(
        "backend", settings.backend, ["subprocess", "cloud_run://", "cloud_build://"], where="LLM_CONVERT_BACKEND"
    )


def open_execution_watch(settings: Settings, config: TenantConfig | None = None) -> ExecutionWatch:
    """The backend's side for a trigger: asynchronous, and shared by many who wait."""
    if settings.backend.startswith("cloud_run:"):
        from llm_convert.execution.backends.cloud_run_watch import CloudRunWatch

        return CloudRunWatch(settings)
    from llm_convert.execution.threaded_watch import ThreadedWatch

    return ThreadedWatch(open_backend(settings, config))


def open_provider(settings: Settings, environ: Mapping[str, str], name: str) -> ModelProvider:
    """One provider of the chain, by its name; ``recorded:<provider>`` answers from what that one's models said."""
    if name == "rules":
        from llm_convert.completion.providers.rules import RulesProvider

        return RulesProvider()
    if name == "vertex":
        from llm_convert.completion.providers.vertex import VertexProvider

        return VertexProvider(settings, environ)
    if name == "anthropic":
        from llm_convert.completion.providers.anthropic_api import AnthropicProvider

        return AnthropicProvider(settings, environ)
    if name == "internal":
        from llm_convert.completion.providers.internal import InternalProvider

        return InternalProvider(settings, environ)
    if name == "ollama":
        from llm_convert.completion.providers.ollama import OllamaProvider

        return OllamaProvider(settings, environ)
    kind, _, whose = name.partition(":")
    if kind == "recorded":
        from llm_convert.completion.providers.recorded import RecordedProvider, recorded_models

        return RecordedProvider(open_recordings(settings), recorded_models(settings, environ, whose), name=name)
    raise unknown_name("provider", name, PROVIDERS, where="LLM_CONVERT_PROVIDER")


def open_recordings(settings: Settings) -> Recordings:
    """The replies on file of ``LLM_CONVERT_RECORDINGS``."""
    from llm_convert.completion.recordings import Recordings
    from llm_convert.stores.local import LocalObjectStore

    if settings.recordings is None:
        raise ConfigurationError(
            "LLM_CONVERT_RECORDINGS is not set", remedy="Set it to the folder of the replies on file."
        )
    return Recordings(LocalObjectStore(settings.recordings))


def open_batches(settings: Settings, environ: Mapping[str, str], store: ObjectStore, name: str) -> BatchService | None:
    """The batch interface of a provider; None where it has none."""
    if name == "anthropic":
        from llm_convert.completion.providers.anthropic_batches import AnthropicBatches

        return AnthropicBatches(settings, environ)
    if name == "vertex":
        from llm_convert.completion.providers.vertex_batches import VertexBatches

        return VertexBatches(settings, environ, store)
    return None


def open_engine(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    store: ObjectStore | None = None,
    owner: str = "",
    purse: Purse | None = None,
) -> Completer:
    """The engine over the chain of ``LLM_CONVERT_PROVIDER``.

    Args:
        store: where the pace is shared; None: this process is on its own.
        owner: this process's name among those that share.
        purse: what may be spent; None: nothing is limited.
    """
    from llm_convert.completion.backoff import Patience
    from llm_convert.completion.breaker import CircuitBreaker
    from llm_convert.completion.engine import Engine
    from llm_convert.completion.link import Link
    from llm_convert.completion.unlimited import OpenPurse
    from llm_convert.completion.warmup import WarmUp

    paces, purse = _open_paces(settings, store, owner), purse or OpenPurse()
    links = [
        Link(
            open_provider(settings, environ, name),
            CircuitBreaker(failures=settings.breaker_failures, seconds=settings.breaker_seconds),
            paces=paces,
            purse=purse,
            call_timeout_seconds=settings.call_timeout_seconds,
            clock=open_clock(),
        )
        for name in settings.providers
    ]
    lives = {"off": 0.0, "5m": 300.0}[settings.prompt_cache]
    engine = Engine(
        links,
        paces=paces,
        purse=purse,
        patience=lambda: Patience(settings.retry_seconds),
        warm_up=WarmUp(lives_seconds=lives) if lives else None,
    )
    filing = open_filing(settings)
    if filing is None:
        return engine
    from llm_convert.completion.recorder import Recorder

    return Recorder(engine, filing)


def open_filing(settings: Settings) -> Filing | None:
    """Where replies go on file; None where they do not. Raises as ``open_recordings``."""
    if not settings.record:
        return None
    from llm_convert.completion.recorder import Filing

    return Filing(open_recordings(settings), open_clock())


def _open_paces(settings: Settings, store: ObjectStore | None, owner: str) -> Paces:
    if store is None:
        from llm_convert.completion.unlimited import UnpacedCapacities

        return UnpacedCapacities()
    from llm_convert.completion.paces import SharedPaces

    return SharedPaces(
        store,
        member=owner,
        clock=open_clock(),
        ceiling=settings.max_requests_per_second,
        tokens_per_minute=settings.max_tokens_per_minute,
    )


def open_purse(
    settings: Settings, store: ObjectStore, config: TenantConfig, *, bsda: str, launch_key: str
) -> Purse | None:
    """The budgets of a tenant's run; None where none is set."""
    from functools import partial

    from llm_convert.claims.costs import cost_of
    from llm_convert.completion.purse import SharedPurse
    from llm_convert.completion.scopes import scopes_of
    from llm_convert.objects import seconds_between_writes

    clock = open_clock()
    scopes = scopes_of(settings, config, bsda=bsda, launch_key=launch_key)
    if not scopes(clock.now()):
        return None
    return SharedPurse(
        store,
        scopes,
        tenant=config.customer_code,
        lease_seconds=settings.call_timeout_seconds + 120,
        cost_of=partial(cost_of, store),
        clock=clock,
        seconds_between_writes=seconds_between_writes(store),
    )


def open_prompts(settings: Settings) -> PromptLibrary:
    """The built-in prompts and those of ``LLM_CONVERT_PROMPTS``."""
    from llm_convert.prompts import load_library

    return load_library(settings.prompts_folder)


def open_clock() -> Clock:
    """The system's clock."""
    from llm_convert.clock import SystemClock

    return SystemClock()


def _path(url: str, variable: str) -> Path:
    try:
        return path_of(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{variable}: {error.found}", remedy=error.remedy) from None
