"""A work item and how it ends: an answer, then rows that are proven or quarantined, or a named failure."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from llm_convert.contracts.base import Contract, Scalar
from llm_convert.contracts.calls import Attempt, Purpose, SentCall
from llm_convert.contracts.usage import Usage
from llm_convert.errors import DataError


class Outcome(StrEnum):
    """How a work item ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CLARIFY = "CLARIFY"
    """A person is asked: the question stands in the detail."""
    SKIPPED = "SKIPPED"
    """Nothing was to be done; never a fault."""


class Cause(StrEnum):
    """Why a work item did not succeed. Each has a remedy in ``REMEDIES``."""

    EMPTY_DOCUMENT = "empty_document"
    UNREADABLE = "unreadable"
    PASSWORD_PROTECTED = "password_protected"  # noqa: S105 - a cause, not a secret
    UNKNOWN_FORMAT = "unknown_format"
    TOO_LARGE = "too_large"
    UNMAPPED = "unmapped"
    NO_PROMPT = "no_prompt"
    NOT_ASKED_FOR = "not_asked_for"
    DUPLICATE = "duplicate"
    NO_TABLE_FOUND = "no_table_found"
    FIELDS_NOT_FOUND = "fields_not_found"
    NEEDS_A_MODEL = "needs_a_model"
    NOTHING_PROVEN = "nothing_proven"
    TOTALS_DISAGREE = "totals_disagree"
    CLARIFY = "clarify"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    BAD_ANSWER = "bad_answer"
    EMPTY_ANSWER = "empty_answer"
    NO_STRATEGY_LEFT = "no_strategy_left"
    PAUSED = "paused"
    BUDGET = "budget"
    NOT_RECORDED = "not_recorded"
    CONFIGURATION = "configuration"
    UNAVAILABLE = "unavailable"
    INTERRUPTED = "interrupted"
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    DEFECT = "defect"


REMEDIES: dict[Cause, str] = {
    Cause.EMPTY_DOCUMENT: "Ask the sender for the file again.",
    Cause.UNREADABLE: "Open the file by hand; if it opens, save it anew and upload it, else ask for it again.",
    Cause.PASSWORD_PROTECTED: "Ask for the file without its password.",
    Cause.UNKNOWN_FORMAT: "Send xlsx, xls, csv, tsv, eml, html, pdf, txt or an image.",
    Cause.TOO_LARGE: "Split the document, or raise LLM_CONVERT_MAX_DOCUMENT_BYTES.",
    Cause.UNMAPPED: "Add a rule to file_mapping if it should be converted.",
    Cause.NO_PROMPT: "Add a prompt whose file_ids serve this FILE_ID, or a table to its mapping rule.",
    Cause.NOT_ASKED_FOR: "Leave FILE_ID and PROMPT_ID empty to convert everything.",
    Cause.DUPLICATE: "Nothing is to be done: the same bytes are converted and landed once.",
    Cause.NO_TABLE_FOUND: "For figures in prose or a picture use a language model: LLM_CONVERT_PROVIDER=vertex.",
    Cause.FIELDS_NOT_FOUND: "Add the document's names of these fields to the prompt's aliases, or use a model.",
    Cause.NEEDS_A_MODEL: "The rules provider is no language model. Set LLM_CONVERT_PROVIDER=vertex for such documents.",
    Cause.NOTHING_PROVEN: "Read the reasons in the quarantine; the prompt's types, units or aliases may be wrong.",
    Cause.TOTALS_DISAGREE: "Compare the document's totals with its lines; the document or the reading is wrong.",
    Cause.CLARIFY: "Answer the question by naming it in the prompt's instructions.",
    Cause.REFUSED: "Read the model's words in the reply; change the instructions or the document.",
    Cause.TRUNCATED: "Raise LLM_CONVERT_MAX_OUTPUT_TOKENS or split the document.",
    Cause.BAD_ANSWER: "Run it again with force, or choose a stronger tier.",
    Cause.EMPTY_ANSWER: "Run it again with force; if it stays so, look at the document's view with llm-convert try.",
    Cause.NO_STRATEGY_LEFT: "Keep a program for it by llm-convert programs keep and run it again, or add a strategy"
    " such as direct to the prompt or to LLM_CONVERT_STRATEGIES.",
    Cause.PAUSED: "Run it again with force, or lower what the prompt asks for at once.",
    Cause.BUDGET: "Raise the budget that the detail names, or wait for the next month; what is done is kept.",
    Cause.NOT_RECORDED: "Ask the real provider once with LLM_CONVERT_RECORD=true and the same LLM_CONVERT_RECORDINGS.",
    Cause.CONFIGURATION: "Change the setting that the detail names.",
    Cause.UNAVAILABLE: "Run it again; only what is not done is repeated.",
    Cause.INTERRUPTED: "Run it again; only what is not done is repeated.",
    Cause.CLAIMED_ELSEWHERE: "Another execution works on it; wait for that one.",
    Cause.DEFECT: "This is a defect of the software; report it with the log of this run.",
}


def told_of(cause: Cause) -> str:
    """A cause and its remedy, for a log: a detail may quote the document and stays in the report."""
    return f"{cause.value}. {REMEDIES[cause]}"


TRY_AGAIN = frozenset(
    {
        Cause.UNAVAILABLE,
        Cause.INTERRUPTED,
        Cause.CLAIMED_ELSEWHERE,
        Cause.CONFIGURATION,
        Cause.BUDGET,
        Cause.NOT_RECORDED,
        Cause.NO_STRATEGY_LEFT,
        Cause.DEFECT,
    }
)
"""Causes that do not lie in the document: the next run does such items again by itself."""


class WorkItemError(DataError):
    """Ends one work item with a named cause; it never ends a run."""

    def __init__(self, cause: Cause, detail: str) -> None:
        self.cause = cause
        self.detail = detail
        super().__init__(f"{cause.value}: {detail}", remedy=REMEDIES[cause])


class WorkItem(Contract):
    """One document under one prompt."""

    id: str
    tenant: str
    file_id: str
    prompt_id: str
    document_key: str
    document_name: str
    document_sha256: str
    size_bytes: int
    optional: bool = False


def work_item_id(
    *, tenant: str, document_sha256: str, prompt_digest: str, provider: str, model: str, reading: str, code_version: str
) -> str:
    """32 hex digits, the same exactly when the same work would be paid for again.

    Args:
        prompt_digest: covers instructions, schema and checks.
        reading: settings that change what is read, such as hidden sheets.
        code_version: of the conversion, raised by hand when its answers would change.
    """
    parts = "\x1f".join([tenant, document_sha256, prompt_digest, provider, model, reading, code_version])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


class Claimed(Contract):
    """A value as an answer gives it, and the addresses where it says to have found it."""

    value: Scalar
    at: tuple[str, ...] = ()

    @field_validator("at", mode="before")
    @classmethod
    def _one_or_many(cls, at: Any) -> Any:
        return (at,) if isinstance(at, str) else (at or ())


class Answer(Contract):
    """What a provider answers. It is nothing but a claim until its rows are proven."""

    rows: tuple[dict[str, Claimed], ...] = ()
    clarify: str | None = None
    """A question for a person, when the document alone cannot say."""
    cause: Cause | None = None
    """Set by deterministic providers that know why there are no rows."""
    detail: str = ""


class Original(Contract):
    """Who gave an answer that is replayed from file, when, and at what cost."""

    provider: str
    model: str
    at: str
    """ISO 8601, UTC."""
    cost_microusd: int = Field(default=0, ge=0)
    """Paid then; a replay costs nothing."""
    seconds: float = 0.0


class Reply(Contract):
    """A provider's reply exactly as it was paid for; stored before anything looks into it."""

    work_item: str
    run_id: str
    provider: str
    model: str
    stop_reason: str
    answer: dict[str, Any] | None = None
    """The tool call's input, not validated; None where the model called no tool."""
    text: str = ""
    """What the model said beside the tool call, such as a refusal."""
    usage: Usage = Usage()
    seconds: float = 0.0
    request_id: str = ""
    call: int = Field(default=1, ge=1)
    """The n-th call of the work item; later ones repair what the earlier ones left."""
    purpose: Purpose = "rows"
    """What was asked for."""
    attempts: tuple[Attempt, ...] = ()
    """Every try that led to it, in order, the answered one last."""
    original: Original | None = None
    """Where the reply is one on file; None where a provider answered now."""


class Row(Contract):
    """A row: values by field, and by field the addresses they come from."""

    values: dict[str, Scalar]
    at: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class QuarantinedRow(Contract):
    """A row that was not landed, and why."""

    row: Row
    reasons: tuple[str, ...]


class Result(Contract):
    """A finished work item's rows. Only proven rows flow on."""

    item: WorkItem
    run_id: str
    """The run that converted it; later runs that find it done do not change this."""
    bsda: str
    provider: str
    model: str
    strategy: str
    """Of ``contracts.prompt.Strategy``: the one that gave the rows."""
    table: str
    rows: tuple[Row, ...]
    quarantined: tuple[QuarantinedRow, ...] = ()
    notes: tuple[str, ...] = ()
    drift: str = ""
    """How its layout had changed from that of the nearest kept program; empty where it had not."""
    usage: Usage = Usage()
    """Of all calls that it took, whichever run paid them."""
    paid: Usage = Usage()
    """Of those that the run paid that ended it."""
    seconds: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    in_doubt: tuple[SentCall, ...] = ()
    """Calls of this item whose reply never came and that may have been charged; not in ``usage``."""

    @property
    def outcome(self) -> Outcome:
        """The one that a result is."""
        return Outcome.SUCCEEDED


class Failure(Contract):
    """A work item that ended without rows."""

    item: WorkItem
    run_id: str
    outcome: Outcome = Outcome.FAILED
    cause: Cause
    detail: str = ""
    notes: tuple[str, ...] = ()
    """What was tried before, for a person."""
    drift: str = ""
    """As a result's."""
    usage: Usage = Usage()
    paid: Usage = Usage()
    """Of those calls that the run paid that ended it."""
    seconds: float = 0.0
    quarantined: tuple[QuarantinedRow, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    in_doubt: tuple[SentCall, ...] = ()

    @property
    def try_again(self) -> bool:
        """Whether the next run does this item again by itself."""
        return self.cause in TRY_AGAIN

    @property
    def said(self) -> str:
        """Cause, detail and remedy in one line."""
        detail = f": {self.detail.rstrip('.')}" if self.detail else ""
        return f"{self.cause.value}{detail}. {REMEDIES[self.cause]}"
