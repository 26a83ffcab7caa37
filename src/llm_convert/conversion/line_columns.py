"""Which number of a line a value is: a line of a table in plain text holds several, and a wrong one stands there too.

In consecutive lines that look alike a field's numbers stand in the same column, so that one which is read from another
column is wrong. Where no such lines stand around it, nothing is known for certain: what is odd is told and not held
back. A column that is misread in every line is not seen here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from llm_convert.contracts.document import Document, Part
from llm_convert.contracts.prompt import OutputField, Prompt
from llm_convert.contracts.work import Claimed
from llm_convert.conversion.grounding import NUMERIC, number_stands
from llm_convert.conversion.line_places import Place, numbers_in_a_row, place_of
from llm_convert.readings import find_numbers

FEWEST_ALIKE = 3
"""Lines that must have a field in the same column, before another line is told to be wrong."""
MOST_UNLIKE = 0.25
"""Of all lines: where more of them differ, the field has no column."""
_OF_NUMBER = re.compile(r"[\d.,]+")
_Row = Mapping[str, Claimed]
_Columns = Mapping[str, frozenset[int]]
"""By field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line that one row alone is read from, as columns of numbers."""

    row: int
    """The position of the row among the claimed ones."""
    place: Place
    look: tuple[str, ...]
    """What stands around the digits in each column, such as 개 and 원: lines of one table look alike."""
    columns: _Columns
    """Of each field that cites the line: the columns whose number it may be."""


def misplaced(claimed: Sequence[_Row], prompt: Prompt, document: Document) -> dict[int, list[str]]:
    """By position, why a row's numbers are not those of their columns: two are exchanged, or one stands for two fields.

    Args:
        claimed: the rows.
        prompt: names the fields.
        document: what the addresses lead to.
    """
    return {
        line.row: [_said(name, line, usual[name]) for name in wrong]
        for line, usual, off in _off(claimed, _numeric(prompt), document)
        if (wrong := _wrong(off, line, usual))
    }


def oddities(claimed: Sequence[_Row], prompt: Prompt, document: Document) -> list[str]:
    """Notes on what may be right: a number that no line around has there, and one that two fields share.

    A name that ends with a number moves the columns of a line with a gap; a line may state once what is true of both.
    """
    fields = _numeric(prompt)
    moved = [
        f"{', '.join(off)} at {line.place.address}"
        for line, usual, off in _off(claimed, fields, document)
        if not _wrong(off, line, usual)
    ]
    parts = {part.name: part for part in document.parts}
    shared = [told for row in claimed if (told := _shared(row, fields, parts, document))]
    return [
        *_counted(moved, "read from another column than in the lines around it"),
        *_counted(shared, "two values rest on one number, while another one of the line is not used"),
    ]


def _numeric(prompt: Prompt) -> list[OutputField]:
    return [field for field in prompt.output.fields if field.type in NUMERIC]


def _counted(found: Sequence[str], what: str) -> list[str]:
    more = f" and {len(found) - 1} more rows" if len(found) > 1 else ""
    return [f"{found[0]}{more}: {what}"] if found else []


def _off(
    claimed: Sequence[_Row], fields: Sequence[OutputField], document: Document
) -> Iterator[tuple[_Line, _Columns, list[str]]]:
    """Each line of which some fields are read from another column than in the lines around it."""
    for block in _blocks(_lines(claimed, fields, document)):
        names = dict.fromkeys(name for line in block for name in line.columns)
        usual = {name: found for name in names if (found := _usual(name, block))}
        for line in block:
            # Where a column is blank the numbers after it may have moved.
            if usual.keys() <= line.columns.keys():
                off = [name for name, wanted in usual.items() if wanted.isdisjoint(line.columns[name])]
                if off:
                    yield line, usual, off


def _wrong(off: Sequence[str], line: _Line, usual: _Columns) -> list[str]:
    """Those of the fields that are off which can't be right."""
    exchanged = _is_exchanged(off, line, usual)
    return [name for name in off if exchanged or _is_repeated(name, line, usual)]


def _is_exchanged(off: Sequence[str], line: _Line, usual: _Columns) -> bool:
    """Whether the fields that are off stand in each other's columns, and in no other one."""
    theirs = frozenset[int]().union(*(usual[name] for name in off))
    taken = frozenset[int]().union(*(line.columns[name] for name in off))
    return all(theirs & line.columns[name] and taken & usual[name] for name in off)


def _is_repeated(name: str, line: _Line, usual: _Columns) -> bool:
    """Whether a field can only be the one number that is another field's."""
    own = line.columns[name]
    others = (other for other in usual if other != name and own <= usual[other])
    return len(own) == 1 and any(line.columns[other] == own for other in others)


def _lines(claimed: Sequence[_Row], fields: Sequence[OutputField], document: Document) -> Iterator[_Line]:
    cited = [_cited(row, fields) for row in claimed]
    times = Counter(address for addresses in cited for address in addresses)
    parts = {part.name: part for part in document.parts}
    for position, (row, addresses) in enumerate(zip(claimed, cited, strict=True)):
        alone = [place for address in addresses if times[address] == 1 and (place := place_of(address, parts))]
        if len(alone) == 1:
            (place,) = alone
            tokens = numbers_in_a_row(place.text)
            yield _Line(
                row=position,
                place=place,
                look=tuple(_OF_NUMBER.sub("", token) for token in tokens),
                columns={
                    field.name: frozenset(
                        at for at, token in enumerate(tokens) if number_stands(field, claim, token, document)
                    )
                    for field in fields
                    if (claim := _claim(row, field)) is not None and claim.at[:1] == (place.address,)
                },
            )


def _cited(row: _Row, fields: Sequence[OutputField]) -> set[str]:
    return {claim.at[0] for field in fields if (claim := _claim(row, field)) is not None and claim.at}


def _claim(row: _Row, field: OutputField) -> Claimed | None:
    """What a row says of a field; None where it is blank."""
    claim = row.get(field.name)
    return claim if claim is not None and claim.value is not None else None


def _blocks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """Lines that follow each other without a gap and look alike: a heading, or another table, lies between others."""
    alike: defaultdict[tuple[str, tuple[str, ...]], list[_Line]] = defaultdict(list)
    for line in lines:
        alike[line.place.column, line.look].append(line)
    for found in alike.values():
        found.sort(key=lambda line: line.place.number)
        for _, block in groupby(enumerate(found), key=lambda pair: pair[1].place.number - pair[0]):
            yield [line for _, line in block]


def _usual(name: str, block: Sequence[_Line]) -> frozenset[int]:
    """The columns that a field's numbers may be of in nearly all lines of a block."""
    counts = Counter(at for line in block for at in line.columns.get(name, ()))
    needed = max(FEWEST_ALIKE, (1 - MOST_UNLIKE) * len(block))
    return frozenset(at for at, count in counts.items() if count >= needed)


def _said(name: str, line: _Line, wanted: frozenset[int]) -> str:
    columns = " or ".join(str(at + 1) for at in sorted(wanted))
    return f"{name}: in the lines around {line.place.address} it is number {columns} of those in a row"


def _shared(row: _Row, fields: Sequence[OutputField], parts: Mapping[str, Part], document: Document) -> str:
    """The fields of a row that need the same number of a line, and its address; empty where each has its own."""
    times = Counter(claim.at[0] for field in fields if (claim := _claim(row, field)) is not None and claim.at)
    for address in (address for address, count in times.items() if count > 1):
        place = place_of(address, parts)
        numbers = [format(number, "f") for number in find_numbers(place.text)] if place else []
        own = {
            field.name: [at for at, number in enumerate(numbers) if number_stands(field, claim, number, document)]
            for field in fields
            if (claim := _claim(row, field)) is not None and claim.at[:1] == (address,)
        }
        taken: dict[int, str] = {}
        left_over = [name for name in own if own[name] and not _assigned(name, own, taken, set())]
        if left_over and len(taken) < len(numbers):
            return f"{left_over[0]} and {taken[own[left_over[0]][0]]} at {address}"
    return ""


def _assigned(name: str, own: Mapping[str, list[int]], taken: dict[int, str], seen: set[int]) -> bool:
    """Give a field a number of its own, moving others to theirs where they have another."""
    for at in own[name]:
        if at not in seen:
            seen.add(at)
            if at not in taken or _assigned(taken[at], own, taken, seen):
                taken[at] = name
                return True
    return False
