"""A tenant's configuration, in the form of the ``CONFIG`` dict that its DAG file holds."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from llm_convert.contracts.base import Contract
from llm_convert.contracts.bsda import DEFAULT_TIMEZONE, parse_schedule_time, parse_weekdays
from llm_convert.contracts.tables import FilterCondition, TableSchema
from llm_convert.errors import ConfigurationError, unknown_name

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


class Source(Contract):
    """Where documents come from, or, with ``results_of``, whose results flow on here."""

    id: str = Field(pattern=CODE_PATTERN)
    url: str | None = None
    """The folder to crawl, such as ``file:///drive/trinityspa``; relative ones start at the settings' home."""
    llm_transform: bool = False
    """Whether a model converts this source's documents."""
    results_of: str | None = None
    """The name of the source whose model results this branch lands."""
    take: Literal["new", "all"] = "new"
    """``new``: only documents whose bytes no earlier BSDA took from this source; ``all``: every file, every time."""

    @model_validator(mode="after")
    def _crawled_or_fed(self) -> Self:
        if (self.url is None) == (self.results_of is None):
            raise ValueError("a source has either a url to crawl or results_of another source")
        if self.results_of is not None and self.llm_transform:
            raise ValueError("results_of another source are already converted; llm_transform belongs to that source")
        return self


class MappingRule(Contract):
    """Which documents are of a FILE_ID: all the conditions given must hold. The first rule that holds wins."""

    file_id: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    glob: str | None = None
    """A shell pattern for the file's name, compared without regard to case and Unicode form."""
    regex: str | None = None
    """A regular expression searched in the file's name."""
    sheet: str | None = None
    """A shell pattern that one visible sheet's name must match."""
    table: str | None = None
    """For tidy documents: the table that they are read into directly, without a model."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.glob is None and self.regex is None and self.sheet is None:
            raise ValueError(f"the rule for {self.file_id} has no condition; give glob, regex or sheet")
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"regex {self.regex!r} can't be read: {error}") from None
        return self


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class TenantConfig(Contract):
    """All that is the tenant's own. Unknown keys are refused with the nearest known one."""

    customer_code: str = Field(pattern=CODE_PATTERN)
    customer_name: str = ""
    dag_id: str = ""
    """By default ``<customer_code>``."""
    project_id: str = ""
    """The Google Cloud project; not needed on one machine."""
    llm_job_name: str = "claude-agent-sdk-batch-job"
    llm_job_region: str = "asia-northeast1"
    timezone: str = DEFAULT_TIMEZONE
    transform_schedule: tuple[str, ...] = ("00",)
    """Local times of a day, ``HH`` or ``HH:MM``."""
    day_of_week: str = "*"
    """A cron weekday expression."""
    file_id: tuple[str, ...] = ()
    """Only these kinds of documents are converted by the model; empty: all."""
    prompt_id: tuple[str, ...] = ()
    """Only these prompts are applied; empty: all that serve a document's FILE_ID."""
    sources: dict[str, Source] = Field(min_length=1)
    file_mapping: tuple[MappingRule, ...] = ()
    tables: tuple[TableSchema, ...] = ()
    """The tables of tidy documents; those of prompts come from the prompts."""
    filters: dict[str, tuple[FilterCondition, ...]] = Field(default_factory=dict)
    """Conditions by table."""
    include_hidden_sheets: bool = False
    max_failed_fraction: float = Field(default=0.5, ge=0, le=1)
    """Above this share of failed work items the convert task itself fails."""
    budget_run_usd: Decimal | None = Field(default=None, ge=0)
    """The most that one run may spend; the smaller of this and LLM_CONVERT_BUDGET_RUN_USD holds."""
    budget_month_usd: Decimal | None = Field(default=None, ge=0)
    """The most in a calendar month (UTC); the smaller of this and LLM_CONVERT_BUDGET_TENANT_USD holds."""

    _strings = field_validator("file_id", "prompt_id", "transform_schedule", mode="before")(_as_tuple)

    @field_validator("file_id", "prompt_id", mode="before")
    @classmethod
    def _none_is_all(cls, value: object) -> object:
        return () if value is None else value

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"unknown time zone {name!r}; give an IANA name such as 'Asia/Seoul'") from None
        return name

    @model_validator(mode="after")
    def _schedule_can_be_read(self) -> Self:
        try:
            for text in self.transform_schedule:
                parse_schedule_time(text)
            parse_weekdays(self.day_of_week)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if not self.transform_schedule:
            raise ValueError("transform_schedule is empty; give at least one hour such as ['23']")
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for name, source in self.sources.items():
            if source.results_of is None:
                continue
            fed_by = self.sources.get(source.results_of)
            if fed_by is None or not fed_by.llm_transform:
                raise ValueError(
                    f"source {name!r} has results_of {source.results_of!r}, which is no source with llm_transform"
                )
        known = {table.table for table in self.tables}
        for rule in self.file_mapping:
            if rule.table is not None and rule.table not in known:
                declared = ", ".join(sorted(known)) or "none"
                raise ValueError(
                    f"the rule for {rule.file_id} names the table {rule.table!r}; declared tables: {declared}"
                )
        ids = [source.id for source in self.sources.values()]
        if len(set(ids)) != len(ids):
            raise ValueError("two sources have the same id")
        return self

    @property
    def effective_dag_id(self) -> str:
        """The DAG's id."""
        return self.dag_id or self.customer_code

    @property
    def file_ids(self) -> tuple[str, ...]:
        """Every FILE_ID the mapping knows, in the order of its rules."""
        return tuple(dict.fromkeys(rule.file_id for rule in self.file_mapping))

    def source(self, name: str) -> Source:
        """The source of this name.

        Raises:
            ConfigurationError: with the known ones.
        """
        if name not in self.sources:
            raise unknown_name("source", name, self.sources, where=f"tenant {self.customer_code}")
        return self.sources[name]

    def results_branch(self, name: str) -> str:
        """The name of the branch that lands the model's results for a source: another source, or the source itself."""
        return next((other for other, source in self.sources.items() if source.results_of == name), name)
