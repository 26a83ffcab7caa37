"""What an evaluation found, as it is stored: the JSON that a later one is compared with."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from llm_convert.contracts.base import Contract
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.errors import ConfigurationError
from llm_convert.evaluation.scoring import Difference, Score


class Answered(Contract):
    """Who gave one of a case's replies, and when."""

    provider: str
    model: str
    at: str
    """ISO 8601, UTC; for a reply on file, when it was recorded."""


class CaseScore(Contract):
    """One golden case under one provider."""

    prompt_id: str
    prompt_digest: str
    case: str
    provider: str
    """As it was asked for, such as ``vertex``; of a replay the one whose replies were on file."""
    replayed: bool = False
    """Its replies came from file."""
    expected_digest: str
    """Of the expected rows: scores against others say nothing."""
    checked: bool
    """A person has looked at the expected rows."""
    outcome: Outcome
    cause: Cause | None = None
    detail: str = ""
    strategy: str = ""
    score: Score | None
    """None where the case was not converted for a cause that does not lie in its document."""
    quarantined: int = 0
    usage: Usage = Usage()
    """Of all its calls, with what they cost when they were made."""
    paid_microusd: int = 0
    """Paid for this evaluation; 0 for a replay."""
    seconds: float = 0.0
    """As it took when its calls were made."""
    answered: tuple[Answered, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def name(self) -> str:
        """``prompt/case``."""
        return f"{self.prompt_id}/{self.case}"


class EvalReport(Contract):
    """All cases of one evaluation."""

    version: Literal[1] = 1
    made_at: str
    """ISO 8601, UTC."""
    package: str
    """The version of this library."""
    cases: tuple[CaseScore, ...]

    @classmethod
    def read(cls, text: str, *, where: str) -> EvalReport:
        """A stored report. Raises ConfigurationError where it is none of this version."""
        try:
            return cls.from_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in fault["loc"])
            raise ConfigurationError(
                f"{where} is no report of llm-convert eval: {place or 'the whole'}: {fault['msg']}",
                remedy="Name a report.json that this version wrote.",
            ) from None
