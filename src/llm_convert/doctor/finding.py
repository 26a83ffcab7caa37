"""What a check found, and what it was given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.urls import parts_of
from llm_convert.errors import LlmConvertError
from llm_convert.settings import Settings


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    """It works; somebody should know of it all the same."""
    WRONG = "wrong"
    """Work will fail by it."""
    SKIPPED = "skipped"
    """It could not, or need not, be looked at; the detail says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's account."""

    name: str
    """What was looked at, such as ``bucket permissions``."""
    state: State
    detail: str
    remedy: str = ""
    """The one thing that mends it, a command where there is one; empty when there is nothing to mend."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What the checks look at."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    config: TenantConfig | None = None
    """The tenant's own configuration, where one was asked for."""
    call_model: bool = False
    """Whether models may be called, which costs money."""

    @property
    def store_scheme(self) -> str:
        """``file`` or ``gs``."""
        return self.settings.store_url.partition(":")[0]

    @property
    def warehouse_scheme(self) -> str:
        """``duckdb`` or ``bigquery``."""
        return self.settings.warehouse_url.partition(":")[0]

    @property
    def backend_scheme(self) -> str:
        """``subprocess``, ``cloud_run`` or ``cloud_build``."""
        return self.settings.backend.partition(":")[0]

    @cached_property
    def backend_place(self) -> tuple[str, str, str]:
        """Project, region and job: by the backend's URL, else by the tenant's configuration; unknown ones empty."""
        given = [*parts_of(self.settings.backend).path, "", "", ""]
        config = self.config
        usual = (config.project_id, config.llm_job_region, config.llm_job_name) if config else ("", "", "")
        project, region, job = (given[number] or usual[number] for number in range(3))
        return project, region, job

    @property
    def google_services(self) -> tuple[str, ...]:
        """Google's services that are called for real, none of an emulator's."""
        vertex_token = self.settings.vertex_access_token is not None
        named = {
            "Cloud Storage": self.store_scheme == "gs" and not self.environ.get("STORAGE_EMULATOR_HOST"),
            "BigQuery": self.warehouse_scheme == "bigquery" and not self.environ.get("BIGQUERY_EMULATOR_HOST"),
            "Cloud Run": self.backend_scheme == "cloud_run" and not self.settings.cloud_run_endpoint,
            "Cloud Build": self.backend_scheme == "cloud_build" and not self.settings.cloud_build_endpoint,
            "Vertex AI": self.settings.provider == "vertex" and not vertex_token,
        }
        return tuple(name for name, used in named.items() if used)


Check = Callable[[Patient], Iterable[Finding]]
"""Looks at one thing. What it raises is itself a finding."""


def ok(name: str, detail: str) -> Finding:
    """It is as it should be."""
    return Finding(name=name, state=State.OK, detail=detail)


def warning(name: str, detail: str, remedy: str = "") -> Finding:
    """It works, and somebody should know."""
    return Finding(name=name, state=State.WARNING, detail=detail, remedy=remedy)


def wrong(name: str, detail: str, remedy: str) -> Finding:
    """Work will fail by it."""
    return Finding(name=name, state=State.WRONG, detail=detail, remedy=remedy)


def skipped(name: str, detail: str) -> Finding:
    """It was not looked at."""
    return Finding(name=name, state=State.SKIPPED, detail=detail)


def of_error(name: str, error: Exception) -> Finding:
    """What an error means: ours bring their remedy."""
    if isinstance(error, LlmConvertError):
        return wrong(name, error.found, error.remedy or "Correct what it names.")
    said = " ".join(str(error).split())[:300]
    return wrong(name, f"{type(error).__name__}: {said}", "Read the message; then run llm-convert doctor again.")


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong; warnings are no illness."""
    return all(finding.state is not State.WRONG for finding in findings)
