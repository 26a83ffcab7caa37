"""The only place that picks an adapter by its URL or name. Each is imported when it is picked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.contracts.urls import path_of
from llm_convert.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from llm_convert.ports import Clock, JobBackend, ModelProvider, ObjectStore, Warehouse
    from llm_convert.prompts import PromptLibrary
    from llm_convert.settings import Settings


def open_store(settings: Settings) -> ObjectStore:
    """The object store of ``LLM_CONVERT_STORE``: ``file://``."""
    scheme, path = _scheme_and_path(settings.store_url, "LLM_CONVERT_STORE")
    if scheme == "file":
        from llm_convert.stores.local import LocalObjectStore

        return LocalObjectStore(path)
    raise unknown_name("store", scheme, ["file"], where="LLM_CONVERT_STORE")


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of ``LLM_CONVERT_WAREHOUSE``: ``duckdb://``."""
    scheme, path = _scheme_and_path(settings.warehouse_url, "LLM_CONVERT_WAREHOUSE")
    if scheme == "duckdb":
        from llm_convert.warehouses.duckdb import DuckDbWarehouse

        return DuckDbWarehouse(path)
    raise unknown_name("warehouse", scheme, ["duckdb"], where="LLM_CONVERT_WAREHOUSE")


def open_backend(settings: Settings) -> JobBackend:
    """The job backend of ``LLM_CONVERT_BACKEND``: ``subprocess``."""
    if settings.backend == "subprocess":
        from llm_convert.execution.backends.subprocess import SubprocessBackend

        return SubprocessBackend(settings)
    raise unknown_name("backend", settings.backend, ["subprocess"], where="LLM_CONVERT_BACKEND")


def open_provider(settings: Settings, environ: Mapping[str, str]) -> ModelProvider:
    """The model provider of ``LLM_CONVERT_PROVIDER``: ``rules``, ``vertex``."""
    if settings.provider == "rules":
        from llm_convert.completion.providers.rules import RulesProvider

        return RulesProvider()
    if settings.provider == "vertex":
        from llm_convert.completion.providers.vertex import VertexProvider

        return VertexProvider(settings, environ)
    raise unknown_name("provider", settings.provider, ["rules", "vertex"], where="LLM_CONVERT_PROVIDER")


def open_prompts(settings: Settings) -> PromptLibrary:
    """The built-in prompts and those of ``LLM_CONVERT_PROMPTS``."""
    from llm_convert.prompts import load_library

    return load_library(settings.prompts_folder)


def open_clock() -> Clock:
    """The system's clock."""
    from llm_convert.clock import SystemClock

    return SystemClock()


def _scheme_and_path(url: str, variable: str) -> tuple[str, Path]:
    try:
        return url.partition(":")[0], path_of(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{variable}: {error.found}", remedy=error.remedy) from None
