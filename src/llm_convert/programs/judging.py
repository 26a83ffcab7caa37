"""Tests as functions: a test of the language becomes one closure over a placed table."""

from __future__ import annotations

from collections.abc import Callable

from llm_convert.programs.patterns import pattern
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Plane
from llm_convert.programs.predicates import Beside, Compared, Content, Test

Judge = Callable[[int, int, int], bool]
"""Row, column, and the indentation of the cell where the walk started."""


def is_relative(test: Test) -> bool:
    """Whether the answer depends on where the walk started."""
    if test.indented is not None:
        return True
    inner = [test.not_, *(test.any or ())]
    return any(is_relative(one) for one in inner if one is not None)


def judge(test: Test, placed: Placed) -> Judge:
    """The test for cells of a placed table."""
    asked = _cell_judges(test, placed.plane)
    if test.header is not None:
        asked.append(_header(test.header, placed))
    if test.bare is not None:
        asked.append(_bare(test.bare, placed))
    if test.beside is not None:
        asked.append(_beside(test.beside, placed))
    if test.not_ is not None:
        asked.append(_not(judge(test.not_, placed)))
    if test.any is not None:
        asked.append(_any([judge(one, placed) for one in test.any]))
    return _all(asked)


def judge_sheet(test: Test, plane: Plane) -> Judge:
    """The test for any cell of a sheet, where no table is placed yet: header, bare and beside never hold there."""
    asked = _cell_judges(test, plane)
    if test.header is not None or test.bare is not None or test.beside is not None:
        return lambda row, column, start: False  # noqa: ARG005
    if test.not_ is not None:
        asked.append(_not(judge_sheet(test.not_, plane)))
    if test.any is not None:
        asked.append(_any([judge_sheet(one, plane) for one in test.any]))
    return _all(asked)


def _all(asked: list[Judge]) -> Judge:
    if len(asked) == 1:
        return asked[0]
    return lambda row, column, start: all(one(row, column, start) for one in asked)


def _cell_judges(test: Test, plane: Plane) -> list[Judge]:
    asked: list[Judge] = []
    if test.type is not None:
        asked.append(_type(frozenset(test.type), plane))
    if test.text is not None:
        asked.append(_text(test.text, plane))
    if test.bold is not None:
        bold = test.bold
        asked.append(lambda row, column, start: plane.bold(plane.seen(row, column)) is bold)  # noqa: ARG005
    if test.indent is not None:
        limit = test.indent
        asked.append(lambda row, column, start: plane.indent(plane.seen(row, column)) <= limit)  # noqa: ARG005
    if test.indented is not None:
        asked.append(_indented(test.indented, plane))
    return asked


def _type(wanted: frozenset[Content], plane: Plane) -> Judge:
    if wanted == {Content.FILLED}:
        return lambda row, column, start: plane.value(*plane.seen(row, column)) is not None  # noqa: ARG005
    return lambda row, column, start: not wanted.isdisjoint(plane.contents(plane.seen(row, column)))  # noqa: ARG005


def _text(wanted: str, plane: Plane) -> Judge:
    matches = pattern(wanted).matches
    return lambda row, column, start: matches(plane.text(plane.seen(row, column)))  # noqa: ARG005


def _indented(wanted: Compared, plane: Plane) -> Judge:
    def asked(row: int, column: int, start: int) -> bool:
        at = plane.seen(row, column)
        if plane.value(*at) is None:
            return False
        own = plane.indent(at)
        return {Compared.LESS: own < start, Compared.SAME: own == start, Compared.MORE: own > start}[wanted]

    return asked


def _header(wanted: str, placed: Placed) -> Judge:
    known: dict[int, bool] = {}

    def asked(row: int, column: int, start: int) -> bool:  # noqa: ARG001
        if column not in known:
            known[column] = placed.header_matches(wanted, column)
        return known[column]

    return asked


def _bare(wanted: bool, placed: Placed) -> Judge:
    # A cell that was not found has row -1, which would be the last one.
    return lambda row, column, start: row >= 0 and placed.bare_rows[row] is wanted  # noqa: ARG005


def _beside(beside: Beside, placed: Placed) -> Judge:
    inner = judge(beside.is_, placed)

    def asked(row: int, column: int, start: int) -> bool:
        other = placed.column_for(beside.column, column)
        return other is not None and inner(row, other, start)

    return asked


def _not(inner: Judge) -> Judge:
    return lambda row, column, start: not inner(row, column, start)


def _any(inner: list[Judge]) -> Judge:
    return lambda row, column, start: any(one(row, column, start) for one in inner)
