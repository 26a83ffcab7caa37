"""What an evaluation found, as it is stored: the JSON that a later one is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

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
    quarantined: tuple[str, ...] = ()
    """Why each row was not proven; it counts as not found."""
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

    @property
    def who(self) -> str:
        """The provider in words."""
        return f"{self.provider} (on file)" if self.replayed else self.provider

    @property
    def ended(self) -> str:
        """The strategy that gave its rows, or why there are none."""
        return self.strategy or (self.cause.value if self.cause else self.outcome.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Cases together."""

    cases: int
    scored: int
    exact: int
    """Cases that gave exactly their expected rows."""
    score: Score
    """Of those that were scored."""
    usage: Usage
    seconds: float

    @classmethod
    def of(cls, cases: Sequence[CaseScore]) -> Total:
        """The sums of some cases."""
        scores = [case.score for case in cases if case.score is not None]
        return cls(
            cases=len(cases),
            scored=len(scores),
            exact=sum(score.perfect for score in scores),
            score=sum(scores, Score()),
            usage=sum((case.usage for case in cases), Usage()),
            seconds=sum(case.seconds for case in cases),
        )


class EvalReport(Contract):
    """All cases of one evaluation."""

    version: Literal[1] = 1
    made_at: str
    """ISO 8601, UTC."""
    package: str
    """The version of this library."""
    cases: tuple[CaseScore, ...]

    def by_provider(self) -> dict[str, tuple[CaseScore, ...]]:
        """The cases of each provider, in the order of the report."""
        return _grouped(self.cases, lambda case: case.provider)

    def by_prompt(self) -> dict[tuple[str, str, str], tuple[CaseScore, ...]]:
        """The cases of each prompt, version of it and provider."""
        return _grouped(self.cases, lambda case: (case.prompt_id, case.prompt_digest, case.provider))

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


K = TypeVar("K")


def _grouped(cases: Iterable[CaseScore], key: Callable[[CaseScore], K]) -> dict[K, tuple[CaseScore, ...]]:
    groups: dict[K, tuple[CaseScore, ...]] = {}
    for case in cases:
        groups[key(case)] = (*groups.get(key(case), ()), case)
    return groups
