"""The form of a run by hand: what Airflow shows, and refuses with 400, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Param

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import unknown_name

_BSDA_FORM = r"^(\d{8}|\d{14})?$"
_FILE_ID_FORM = r"^[A-Z][A-Z0-9_]*$"
_PROMPT_ID_FORM = r"^[A-Za-z][A-Za-z0-9_-]*$"


def run_form(config: TenantConfig) -> dict[str, Param]:
    """The parameters of a tenant's runs.

    Choices come from the configuration alone: parsing a DAG file reads no prompts. Without any, the form of an id is
    checked here and its existence by the job.
    """
    return {
        # Null and not an empty text: Airflow's page takes an empty text for a required field that nobody filled.
        "BSDA": Param(
            None,
            type=["null", "string"],
            pattern=_BSDA_FORM,
            description=f"The base time, {config.timezone}: 14 digits such as 20251107140000, or 8 for midnight of "
            "that day. Empty: the newest scheduled time.",
        ),
        "FILE_ID": _choice(
            config.file_id or config.file_ids, _FILE_ID_FORM, "Convert only this kind of document. Empty: all."
        ),
        "PROMPT_ID": _choice(config.prompt_id, _PROMPT_ID_FORM, "Apply only this prompt. Empty: all."),
        "force": Param(
            False,
            type="boolean",
            description="Convert again, and pay again, what is already done.",
        ),
    }


def refuse_unknown_keys(conf: Mapping[str, Any] | None, known: Iterable[str]) -> None:
    """Refuse a run whose conf has a key that the form does not know.

    Airflow ignores such keys, so a mistyped ``FILEID`` would convert, and pay for, everything.

    Raises:
        ConfigurationError: with the nearest known key.
    """
    names = set(known)
    for key in conf or {}:
        if key not in names:
            raise unknown_name("parameter", key, names, where="the run's conf")


def _choice(choices: tuple[str, ...], form: str, description: str) -> Param:
    # Proposals and a pattern instead of an enum: the page of Airflow 3.1 breaks on an enum that holds null.
    pattern = f"^({'|'.join(map(re.escape, choices))})$" if choices else form
    proposals: dict[str, Any] = {"examples": list(choices)} if choices else {}
    return Param(None, type=["null", "string"], pattern=pattern, description=description, **proposals)
