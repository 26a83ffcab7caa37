"""Rows as the view shows them: one line for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from llm_convert.contracts.document import cell_reference, column_letters
from llm_convert.contracts.shown import one_line
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.row_kinds import Kinds, is_years, rises

_RUN = 4
"""Numbers side by side that are shown by their first two and their last."""
_PARTS = 16
"""Cells and runs of a row of data that are shown."""
_HEADER_CHARS = 120
_WIDE = 14
"""Texts in a row from which on repeated ones are shown once, with their step."""
_LISTED = 40
"""Numbers of a header that are listed one by one."""
_LEADERS = re.compile(r"((?:([.·_-]) ?)(?:\2 ?){2})(?:\2 ?){5,}")
"""Dots or lines that lead the eye from a label to its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How much is shown."""

    text_chars: int
    run: int = _RUN
    header: bool = False
    """Whether the row stands above the data, so that nothing of it is to be lost."""


def row_line(kinds: Kinds, row: int, ends: dict[Position, Position], detail: Detail) -> str:
    """One row: each cell after its column; runs of numbers and repeated texts in short."""
    plane = kinds.plane
    cells = list(zip(kinds.filled[row], kinds.types(row), strict=True))
    texts = [column for column, name in cells if name not in {"number", "number-text", "mark"}]
    parts: list[str] = []
    if len(texts) == len(cells) > 1:
        # Nothing but texts may be a header too.
        detail = replace(detail, header=True)
    if detail.header and len(cells) > 1:
        detail = replace(detail, text_chars=max(detail.text_chars, _HEADER_CHARS))
    repeated = _repeated(plane, row, texts) if len(texts) > _WIDE else {}
    for kind, run in groupby(cells, key=lambda cell: _group(cell, plane, row, repeated)):
        columns = [column for column, _ in run]
        if kind == "number" and len(columns) > detail.run:
            parts.append(_numbers(plane, row, columns, detail))
        elif kind != "repeated":
            parts.extend(cell_text(plane, (row, column), ends, detail) for column in columns)
    parts.extend(_in_short(plane, row, columns) for columns in repeated.values())
    if not detail.header and len(parts) > _PARTS:
        # A wide row of data; its right end is shown, since a sheet may have two halves.
        parts = [*parts[: _PARTS - 4], f"… {len(parts) - _PARTS} more …", *parts[-4:]]
    return f"{row + 1}| " + " · ".join(parts)


def _group(cell: tuple[int, str], plane: Plane, row: int, repeated: dict[str, list[int]]) -> str:
    column, name = cell
    if name in {"number", "number-text", "mark"}:
        return "number"
    return "repeated" if plane.text((row, column)) in repeated else "text"


def cell_text(plane: Plane, at: Position, ends: dict[Position, Position], detail: Detail) -> str:
    """A cell: its column, or its merged columns, its content, and how it looks."""
    letters = column_letters(at[1])
    end = ends.get(at)
    if end is not None:
        letters = f"{letters}-{column_letters(end[1])}" if end[1] > at[1] else letters
        letters += f"↓{end[0] + 1}" if end[0] > at[0] else ""
    return f"{letters} {shown(plane, at, detail.text_chars)}{_marks(plane, at)}"


def shown(plane: Plane, at: Position, chars: int) -> str:
    """A cell's content: texts in quotes, and cut where they are long."""
    text = plane.text(at)
    if not isinstance(plane.value(*at), str):
        return text
    text = without_leaders(text)
    return quoted(text) if len(text) <= chars else f"{quoted(f'{text[:chars]}…')}({len(text)} characters)"


def without_leaders(text: str) -> str:
    """A text whose rows of dots are cut short."""
    return _LEADERS.sub(r"\1…", text)


def quoted(text: str) -> str:
    """A text in quotes, which it can't end itself: a cell must not pass for several."""
    inside = one_line(text).replace("' ·", "’ ·")
    return f"'{inside}'"


def _marks(plane: Plane, at: Position) -> str:
    indent = plane.indent(at)
    return (" bold" if plane.bold(at) else "") + (f" indent {indent}" if indent else "") + raised(plane, at)


def raised(plane: Plane, at: Position) -> str:
    """What of a cell's text is superscript, as the view says it; empty where nothing is."""
    style = plane.sheet.styles.get(at)
    return f" raised {style.raised!r}" if style is not None and style.raised else ""


def _numbers(plane: Plane, row: int, columns: Sequence[int], detail: Detail) -> str:
    letters = f"{column_letters(columns[0])}..{column_letters(columns[-1])}"
    if is_years(plane, row, columns) or (detail.header and rises(plane, row, columns)):
        return f"{letters} {len(columns)} cells: {_listed(plane, row, columns)}"
    first, second, last = (shown(plane, (row, column), 20) for column in (columns[0], columns[1], columns[-1]))
    return f"{letters} {len(columns)} cells: {first}, {second} … {last}"


def _listed(plane: Plane, row: int, columns: Sequence[int]) -> str:
    """A header's numbers: all of them, unless two say what the step is."""
    values = [plane.value(row, column) for column in columns]
    numbers = [value for value in values if isinstance(value, int | float)]
    steps = {b - a for a, b in pairwise(numbers)}
    if len(numbers) == len(values) > _RUN and len(steps) == 1 and steps != {0}:
        first, second, last = (shown(plane, (row, column), 20) for column in (columns[0], columns[1], columns[-1]))
        return f"{first}, {second} … {last} in equal steps"
    alike = [(text, len(list(run))) for text, run in groupby(shown(plane, (row, at), 20) for at in columns)]
    said = [f"{text} x{count}" if count > 1 else text for text, count in alike]
    return ", ".join(said if len(said) <= _LISTED else [*said[: _LISTED - 4], "…", *said[-3:]])


def _repeated(plane: Plane, row: int, columns: Sequence[int]) -> dict[str, list[int]]:
    """Texts that stand several times in a wide row, by their columns."""
    places: dict[str, list[int]] = {}
    for column in columns:
        places.setdefault(plane.text((row, column)), []).append(column)
    return {text: at for text, at in places.items() if len(at) > 1}


def _in_short(plane: Plane, row: int, columns: Sequence[int]) -> str:
    said = shown(plane, (row, columns[0]), _HEADER_CHARS)
    steps = {b - a for a, b in pairwise(columns)}
    first = column_letters(columns[0])
    if len(steps) == 1:
        return f"{said} @{first} +{steps.pop()} x{len(columns)}"
    listed = ",".join(column_letters(column) for column in columns[:6])
    return f"{said} @{listed}{',…' if len(columns) > 6 else ''} x{len(columns)}"


def merged_line(plane: Plane, limit: int) -> str:
    """The merged ranges: equal ones at equal distances in short."""
    areas = [(area.bottom - area.top, area.right - area.left, area) for area in plane.sheet.merged]
    groups: dict[tuple[int, int, int], list[Position]] = {}
    for height, width, area in areas:
        # A range over one row belongs to its row, one over several to its column.
        line = area.top if not height else -1 - area.left
        groups.setdefault((height, width, line), []).append((area.top, area.left))
    said = list(_shapes(groups))
    more = f" and {len(said) - limit} more kinds" if len(said) > limit else ""
    return "merged (rows x columns @first): " + ", ".join(said[:limit]) + more if said else ""


def _shapes(groups: dict[tuple[int, int, int], list[Position]]) -> Iterator[str]:
    for (height, width, _), places in groups.items():
        places.sort()
        last = f" to {cell_reference(*places[-1])} ({len(places)})" if len(places) > 1 else ""
        yield f"{height + 1}x{width + 1} @{cell_reference(*places[0])}{last}"
