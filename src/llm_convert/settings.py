"""One frozen ``Settings``, filled from the environment: the same variables on a laptop and in a Cloud Run Job.

``TENANT_CODE``, ``BSDA``, ``FILE_ID`` and ``PROMPT_ID`` are for people, ``LLM_CONVERT_*`` for the rest, ``CLOUD_RUN_*``
come from the platform. An unknown ``LLM_CONVERT_*`` variable is refused: a mistyped budget must not be ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator

from llm_convert.contracts.base import Contract
from llm_convert.contracts.prompt import ModelTier, Strategy, strategies_in_order
from llm_convert.contracts.urls import url_of
from llm_convert.errors import ConfigurationError, unknown_name

PREFIX = "LLM_CONVERT_"


class Settings(Contract):
    """Everything that differs between one machine and production. Field ``x`` is the variable ``LLM_CONVERT_X``."""

    home: Path = Path(".llm_convert")
    """Where the embedded defaults keep their state."""
    store: str = ""
    """Object store URL; by default ``file://<home>/store``."""
    warehouse: str = ""
    """Warehouse URL; by default ``duckdb://<home>/warehouse.duckdb``."""
    backend: str = "subprocess"
    """Job backend: ``subprocess``, ``cloud_run://[project/region/job]`` or ``cloud_build://[project/region]``.

    What a URL leaves out comes from the tenant's configuration."""
    job_tasks: int = Field(default=0, ge=0, le=1000)
    """Parallel tasks of an execution; 0: chosen from the work."""
    cloud_run_endpoint: str = ""
    """Where the Cloud Run API is: ``http://127.0.0.1:PORT`` for an emulator, else Google's own."""
    cloud_build_endpoint: str = ""
    """The same for the Cloud Build API."""
    provider: str = "rules"
    """Model providers in the order in which they are asked, with commas between: ``rules``, ``vertex``, ``anthropic``,
    ``internal``, ``ollama``, ``recorded``. Where it is not given and ENVIRONMENT is, that says which."""
    prompts: Path | None = None
    """Folder of prompt YAML files; by default ``jobs/prompts`` where the process stands, beside the built-in ones."""
    tenants: Path | None = None
    """A YAML file, or a folder of them, with tenant configurations beside those that DAGs publish to the store."""
    model_fast: str = "claude-haiku-4-5@20251001"
    model_main: str = "claude-sonnet-4-6"
    model_strong: str = "claude-opus-5-5"
    prices: Path | None = None
    """A YAML file of model prices that override the built-in ones."""
    vertex_access_token: SecretStr | None = None
    """A ready token instead of application default credentials."""
    anthropic_api_key: SecretStr | None = None
    """For the provider ``anthropic``; by default ANTHROPIC_API_KEY."""
    recordings: Path | None = None
    """Folder of replies on file, which the provider ``recorded`` answers from."""
    record: bool = False
    """Whether what real providers answer is written to the folder of recordings."""
    structured_outputs: Literal["auto", "tool", "native"] = "auto"
    """How an answer's form is enforced; ``auto``: by the service itself where it allows that, else by a forced tool."""
    prompt_cache: Literal["off", "5m"] = "5m"
    """How long what a prompt's calls share is kept in the service's cache after its last use."""
    stream_tokens: bool = False
    """Whether the message stream tells each piece of an answer as it comes. They hold document text."""
    strategies: tuple[Strategy, ...] = (Strategy.KEPT, Strategy.PROGRAM, Strategy.DIRECT)
    """How documents are converted whose prompt does not say, in order, with commas between: ``kept``, ``rules``,
    ``program``, ``direct``."""
    repairs: int = Field(default=2, ge=0, le=5)
    """How many further calls one work item may take to mend an answer."""
    tier_up: bool = True
    """Whether the last repair asks the next larger model."""
    retry_seconds: float = Field(default=900.0, ge=0)
    """How long one call is tried anew, at all providers together, before its item fails."""
    breaker_failures: int = Field(default=5, ge=1)
    """After how many failures in a row a provider is left alone for a while."""
    breaker_seconds: float = Field(default=30.0, gt=0)
    """For how long; doubled each time, up to ten minutes."""
    max_requests_per_second: float = Field(default=0.0, ge=0)
    """A ceiling for one quota; 0: what is learnt from the service."""
    max_tokens_per_minute: int = Field(default=0, ge=0)
    """A ceiling for one quota; 0: what is learnt from the service."""
    budget_run_usd: Decimal | None = Field(default=None, ge=0)
    """The most that one run may spend; no call is sent that could go beyond it."""
    budget_tenant_usd: Decimal | None = Field(default=None, ge=0)
    """The most that a tenant may spend in a calendar month (UTC)."""
    budget_month_usd: Decimal | None = Field(default=None, ge=0)
    """The most that all tenants of this store may spend in a calendar month (UTC)."""
    batch: Literal["off", "on"] = "off"
    """Whether work goes to the service's batch interface, at half the price, before it is asked online."""
    batch_wait_seconds: float = Field(default=3600.0, ge=0)
    """How long results of batches are waited for; what is not back then is asked online."""
    router: Literal["off", "on"] = "off"
    """Whether the fast model chooses the FILE_ID of documents that no mapping rule names."""
    max_output_tokens: int = Field(default=16_000, ge=256, le=64_000)
    max_document_bytes: int = Field(default=50_000_000, ge=1)
    concurrency: int = Field(default=8, ge=1, le=512)
    """Work items in progress at once in one task."""
    lease_seconds: float = Field(default=90.0, gt=0)
    """How long a claim holds after its last renewal; a killed job's items are free after it."""
    call_timeout_seconds: float = Field(default=300.0, gt=0)
    poll_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often a waiting task looks at its execution."""
    job_timeout_seconds: float = Field(default=3600.0, gt=0)
    """How long an execution may take; past it, it is cancelled."""
    run_id: str = ""
    """Set by whoever launches the job; a job from a shell makes its own."""
    force: bool = False
    log_level: str = "INFO"

    @field_validator("strategies", mode="before")
    @classmethod
    def _strategies_of_text(cls, value: Any) -> Any:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("strategies")
    @classmethod
    def _strategies_are_an_order(cls, names: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
        if not names:
            raise ValueError("name at least one strategy")
        return strategies_in_order(names)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of a process.

        Raises:
            ConfigurationError: for an unknown variable, or a value that can't be read, with the variable's name.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if not variable.startswith(PREFIX) or text == "":
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name not in cls.model_fields:
                raise unknown_name(
                    "variable",
                    variable,
                    (PREFIX + field.upper() for field in cls.model_fields),
                    where="the environment",
                )
            values[name] = text
        by_stage = _default_providers(environ)
        if by_stage:
            values.setdefault("provider", by_stage)
        try:
            return cls(**values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            variable = PREFIX + str(fault["loc"][0]).upper()
            raise ConfigurationError(
                f"{variable}: {fault['msg']}, found {fault['input']!r}", remedy=f"Change or unset {variable}."
            ) from None

    def to_environment(self) -> dict[str, str]:
        """The variables that give another process the same settings, paths made absolute, secrets included."""
        found: dict[str, str] = {"LLM_CONVERT_HOME": str(self.home.absolute())}
        if self.prompts_folder is not None:
            found["LLM_CONVERT_PROMPTS"] = str(self.prompts_folder.absolute())
        for name in type(self).model_fields.keys() - {"home", "prompts"}:
            value = getattr(self, name)
            if value is None or value == type(self).model_fields[name].default:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, Path):
                value = value.absolute()
            elif isinstance(value, tuple):
                value = ",".join(value)
            found[PREFIX + name.upper()] = str(value).lower() if isinstance(value, bool) else str(value)
        return found

    @property
    def store_url(self) -> str:
        """The object store's URL."""
        return self.store or url_of("file", self.home.absolute() / "store")

    @property
    def warehouse_url(self) -> str:
        """The warehouse's URL."""
        return self.warehouse or url_of("duckdb", self.home.absolute() / "warehouse.duckdb")

    @property
    def prompts_folder(self) -> Path | None:
        """The folder of prompts; None: only the built-in ones."""
        if self.prompts is not None:
            return self.prompts
        usual = Path("jobs/prompts")
        return usual if usual.is_dir() else None

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the chain, in order."""
        return tuple(name.strip() for name in self.provider.split(",") if name.strip())

    def model_for(self, tier: ModelTier) -> str:
        """The model that a tier names."""
        return {ModelTier.FAST: self.model_fast, ModelTier.MAIN: self.model_main, ModelTier.STRONG: self.model_strong}[
            tier
        ]


def _default_providers(environ: Mapping[str, str]) -> str:
    """The chain where none is named: in production what is configured there, in development Ollama; empty elsewhere."""
    stage = environ.get("ENVIRONMENT", "").strip().lower()
    if stage in {"production", "prod"}:
        named = {
            "vertex": "ANTHROPIC_VERTEX_PROJECT_ID",
            "anthropic": "ANTHROPIC_API_KEY",
            "internal": "INTERNAL_LLM_BASE_URL",
            "ollama": "OLLAMA_BASE_URL",
        }
    elif stage in {"development", "dev"}:
        named = {"ollama": "OLLAMA_BASE_URL", "internal": "INTERNAL_LLM_BASE_URL"}
    else:
        return ""
    return ",".join(name for name, variable in named.items() if environ.get(variable))


class TaskPlace(Contract):
    """Which of an execution's parallel tasks this process is; the platform says it."""

    index: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=1)
    attempt: int = Field(default=0, ge=0)
    execution: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """From Cloud Run's variables; the only task of a process of its own where they are not set."""
        environ = os.environ if environ is None else environ
        try:
            return cls(
                index=int(environ.get("CLOUD_RUN_TASK_INDEX") or 0),
                count=int(environ.get("CLOUD_RUN_TASK_COUNT") or 1),
                attempt=int(environ.get("CLOUD_RUN_TASK_ATTEMPT") or 0),
                execution=environ.get("CLOUD_RUN_EXECUTION") or "",
            )
        except ValueError as error:
            raise ConfigurationError(f"CLOUD_RUN_TASK_INDEX, _COUNT or _ATTEMPT is no number: {error}") from None
