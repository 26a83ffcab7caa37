"""How far found rows are the expected ones: by rows, and by filled cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from llm_convert.contracts.base import Contract, Scalar
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Row
from llm_convert.evaluation.expected import ExpectedRow
from llm_convert.evaluation.matching import Tokens, pairs_of, token

Fault = Literal["wrong", "missing", "extra"]


class Difference(Contract):
    """One cell that is not as expected."""

    fault: Fault
    """``wrong``: another value; ``missing``: no value; ``extra``: a value where none is expected."""
    row: str
    """Which row, by its key or else by all its cells: the expected one, or an extra one that was found."""
    field: str
    line: int | None = None
    """Of the expected row in its file; None for an extra row."""
    expected: Scalar = None
    found: Scalar = None
    at: tuple[str, ...] = ()
    """Where the found value stands in the document; of a missing one nobody knows."""

    @property
    def place(self) -> str:
        """Field and place in words, without a value."""
        at = f" at {' '.join(self.at)}" if self.at else ""
        line = f", line {self.line} of the expected rows" if self.line is not None else ", in an extra row"
        return f"{self.field}{at}{line}"


class Score(Contract):
    """Counts of rows and of filled cells. What is blank on both sides is not counted."""

    rows_expected: int
    rows_found: int
    rows_exact: int
    """Found rows whose every cell is as expected."""
    right: int
    wrong: int
    missing: int
    extra: int

    @property
    def precision(self) -> float:
        """The share of found values that are right; 1 where none was found."""
        found = self.right + self.wrong + self.extra
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """The share of expected values that were found right; 1 where none is expected."""
        wanted = self.right + self.wrong + self.missing
        return self.right / wanted if wanted else 1.0

    @property
    def perfect(self) -> bool:
        """Exactly the expected rows."""
        return self.rows_exact == self.rows_expected == self.rows_found

    def __add__(self, other: Score) -> Score:
        return Score(**{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A row on one side."""

    values: dict[str, Scalar]
    tokens: Tokens
    at: dict[str, tuple[str, ...]] = field(default_factory=dict)
    line: int | None = None


def score_rows(
    expected: Sequence[ExpectedRow], found: Sequence[Row], prompt: Prompt
) -> tuple[Score, tuple[Difference, ...]]:
    """The score of found rows, and each cell that differs, in the order of the expected rows, extra ones last."""
    names = [one.name for one in prompt.output.fields]
    # By address too: which of two equal rows is the extra one must not depend on their order.
    found = sorted(found, key=lambda row: [row.at.get(name, ()) for name in names])
    wanted = [_Side(values=row.values, tokens=_tokens(row.values, names), line=row.line) for row in expected]
    given = [_Side(values=row.values, tokens=_tokens(row.values, names), at=row.at) for row in found]
    pairs = dict(
        pairs_of(
            [side.tokens for side in wanted], [side.tokens for side in given], [names.index(n) for n in prompt.key]
        )
    )
    taken = set(pairs.values())
    met: list[tuple[_Side | None, _Side | None]] = [
        *((side, given[pairs[place]] if place in pairs else None) for place, side in enumerate(wanted)),
        *((None, side) for place, side in enumerate(given) if place not in taken),
    ]
    differences = tuple(
        difference for want, got in met for difference in _differences(want, got, names=names, key=prompt.key)
    )
    faults = [difference.fault for difference in differences]
    score = Score(
        rows_expected=len(expected),
        rows_found=len(found),
        rows_exact=sum(1 for want, got in met if want and got and want.tokens == got.tokens),
        right=sum(_right(want, got) for want, got in met),
        wrong=faults.count("wrong"),
        missing=faults.count("missing"),
        extra=faults.count("extra"),
    )
    return score, differences


def _tokens(values: dict[str, Scalar], names: Sequence[str]) -> Tokens:
    return tuple(token(values.get(name)) for name in names)


def _right(want: _Side | None, got: _Side | None) -> int:
    if want is None or got is None:
        return 0
    return sum(a is not None and a == b for a, b in zip(want.tokens, got.tokens, strict=True))


def _differences(
    want: _Side | None, got: _Side | None, *, names: Sequence[str], key: Sequence[str]
) -> Iterator[Difference]:
    blank = _Side(values={}, tokens=(None,) * len(names))
    left, right = want or blank, got or blank
    row = _named(want or right, names, key)
    for name, wanted, given in zip(names, left.tokens, right.tokens, strict=True):
        if wanted == given:
            continue
        yield Difference(
            fault="extra" if wanted is None else "missing" if given is None else "wrong",
            row=row,
            field=name,
            line=left.line,
            expected=left.values.get(name),
            found=right.values.get(name),
            at=right.at.get(name, ()),
        )


def _named(side: _Side, names: Sequence[str], key: Sequence[str]) -> str:
    """What a row is called: its key's values, or all where it has none."""
    cells = dict(zip(names, side.tokens, strict=True))
    keyed = [cells[name] for name in key]
    return " · ".join(cell or "" for cell in (keyed if any(keyed) else side.tokens))
