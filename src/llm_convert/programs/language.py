"""A conversion program: what one layout means, as data.

One output row for each filled cell of the value columns; every other field is a pick, a walk from that cell to a label.
A list of records is the same, with a key column as the value column. Nothing in a program is ever evaluated as code.
"""

from __future__ import annotations

import json
import re
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from llm_convert.programs.controls import Control, Where, fields_of
from llm_convert.programs.faults import ProgramError
from llm_convert.programs.part import Part
from llm_convert.programs.patterns import pattern
from llm_convert.programs.picks import Condition, OnePick
from llm_convert.programs.predicates import OneColumns, OneTest, PatternText

MAX_PROGRAM_CHARS = 60_000
MAX_DEPTH = 24


class Table(Part):
    """One table of a sheet, or all tables of the same shape."""

    name: str = Field("", description="for reports and for checks across tables; several tables may share it")
    sheet: PatternText | None = Field(
        None, description="pattern for the sheet's name; by default each sheet with the anchor"
    )
    anchor: OneTest = Field(
        description="the first cell (row by row) that passes fixes the table's place: usually a header"
    )
    repeat: bool = Field(False, description="every cell that passes is the anchor of a table of this shape")
    optional: bool = Field(False, description="the table may be absent")
    transpose: bool = Field(
        False, description="read the sheet with rows and columns exchanged; all else is said so too"
    )
    header: tuple[int, ...] = Field(
        (0,), description="header rows, relative to the anchor's row, top down; [] where there are none"
    )
    fill: tuple[int, ...] = Field(
        (), description="which of these header rows (0 is the first) mean 'as to the left' where they are blank"
    )
    data: int | None = Field(
        None,
        description="first data row, relative to the anchor's row; by default after the last header row, else its own",
    )
    end: OneTest | None = Field(
        None, description="the table ends before the first data row in which any cell passes; by default with the sheet"
    )
    gap: int | None = Field(None, ge=1, description="the table ends before so many empty rows in a row")
    left: OneTest | None = Field(
        None,
        description="the table begins at the nearest cell, from the anchor to the left in its row, that passes;"
        " by default with the sheet, and where several anchors share a row at each of them",
    )
    right: OneTest | None = Field(
        None, description="the table ends before the first cell, right of the anchor in its row, that passes"
    )
    values: tuple[OneColumns, ...] = Field(
        min_length=1, description="the value columns: each filled cell of them makes a row; a list means any of these"
    )
    ignore: tuple[OneColumns, ...] = Field(
        (), description="columns that are left out on purpose: their numbers are not told as forgotten"
    )
    split: PatternText | None = Field(None, description="cut each value cell at this pattern; each piece makes a row")
    keep_missing: bool = Field(
        False, description="value cells with a mark for no value (N/A, -) make rows too, with a blank value"
    )
    missing: tuple[str, ...] = Field(
        (),
        description="further whole texts, no patterns, that mean no value in any cell of this table; -, N/A, NA, NaN, "
        "... do anyway",
    )
    keep: tuple[Condition, ...] = Field((), description="a value cell makes a row only if all of these hold")
    fields: dict[str, OnePick] = Field(
        min_length=1, description="the target's fields, each by its pick; {} is the value"
    )
    drop: tuple[Where, ...] = Field((), description="rows to leave out after the checks, by their fields")
    checks: tuple[Control, ...] = Field((), description="what must hold between the rows of this table")

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        _known(self.checks, set(self.fields), "the table")
        for where in self.drop:
            _known_names({name for name in where if not name.startswith("_")}, set(self.fields), "drop")
        for level in self.fill:
            if not 0 <= level < len(self.header):
                raise ValueError(f"fill names header row {level}; there are {len(self.header)}, counted from 0")
        for name, pick in self.fields.items():
            if isinstance(pick.header, int) and not 0 <= pick.header < len(self.header):
                raise ValueError(f"field {name}: header {pick.header}; there are {len(self.header)}, counted from 0")
        return self


class Program(Part):
    """A program for all documents of one layout."""

    tables: tuple[Table, ...] = Field(min_length=1, max_length=60, description="the tables")
    ignore: tuple[PatternText, ...] = Field((), description="sheets that are left out on purpose, by their names")
    checks: tuple[Control, ...] = Field((), description="what must hold across the tables")
    notes: str = Field("", description="one text for a person: what is odd about this layout")

    @model_validator(mode="after")
    def _checks_name_fields(self) -> Self:
        _known(self.checks, {name for table in self.tables for name in table.fields}, "any table")
        return self

    def names(self) -> tuple[str, ...]:
        """What each table is called in reports: its name, or its number."""
        return tuple(table.name or f"#{number}" for number, table in enumerate(self.tables, 1))

    def ignores(self, sheet: str) -> bool:
        """Whether the program says of a sheet that it is left out on purpose."""
        return any(pattern(one).matches(sheet) for one in self.ignore)

    def leaves_out(self, sheet: str) -> bool:
        """Whether no table is looked for on a sheet: it is ignored, or every table names others."""
        named = [table.sheet for table in self.tables if table.sheet is not None]
        others = len(named) == len(self.tables) and not any(pattern(one).matches(sheet) for one in named)
        return others or self.ignores(sheet)

    @property
    def needs_styles(self) -> bool:
        """Whether it asks for fonts or indentation, which cost a second, slower reading of the file."""
        return _mentions(
            self.model_dump(mode="json", by_alias=True, exclude_none=True),
            {"bold", "indent", "indented", "outline", "raised"},
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data, without what was left at its default."""
        data: dict[str, Any] = _short(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return data

    def dumps(self) -> str:
        """The shortest JSON."""
        return json.dumps(self.to_data(), ensure_ascii=False, separators=(",", ":"))

    def to_yaml(self) -> str:
        """YAML for a person to read and edit."""
        return yaml.safe_dump(self.to_data(), allow_unicode=True, sort_keys=False, width=120)


def load_program(source: str | bytes | dict[str, Any]) -> Program:
    """A program from YAML, JSON (which is YAML) or plain data.

    Raises:
        ProgramError: with every fault and its place, in words for its writer.
    """
    try:
        data = source if isinstance(source, dict) else _parsed(source)
        if _depth(data) > MAX_DEPTH:
            raise ProgramError([f"it is nested more than {MAX_DEPTH} deep"])
        return Program.model_validate(data)
    except ValidationError as error:
        raise ProgramError(_faults(error)) from None


def schema() -> dict[str, Any]:
    """The JSON schema that a model fills."""
    return Program.model_json_schema(by_alias=True)


_FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""Models like to wrap what they write."""
_TESTS = frozenset({"anchor", "end", "left", "right", "until", "stop", "is", "not", "any", "find"})
_CHOICES = frozenset({"column", "values", "ignore"})


def _short(data: Any, key: str = "") -> Any:
    """Every test, choice of columns and list of one in its short form."""
    if isinstance(data, list):
        short = [_short(one, key) for one in data]
        return short[0] if key in {"type", "values", "ignore"} and len(short) == 1 else short
    if not isinstance(data, dict):
        return data
    if key in _TESTS and set(data) == {"text"}:
        return data["text"]
    if key in _CHOICES and set(data) == {"header"}:
        return data["header"]
    return {name: _short(inner, name) for name, inner in data.items()}


def _parsed(source: str | bytes) -> Any:
    if len(source) > MAX_PROGRAM_CHARS:
        raise ProgramError([f"it has {len(source):,} characters; at most {MAX_PROGRAM_CHARS:,}"])
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    if fenced := _FENCED.search(text):
        text = fenced[1]
    try:
        # JSON first: it is faster and has tabs, which YAML refuses.
        return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ProgramError([f"it is neither JSON nor YAML ({' '.join(str(error).split())[:200]})"]) from None


class _Loader(yaml.SafeLoader):
    """Without aliases, whose expansion is unbounded, and without guessing that ``on`` and ``yes`` are booleans."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, form) for tag, form in forms if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}]
    for letter, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _depth(data: Any, level: int = 0) -> int:
    if level > MAX_DEPTH:
        return level
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return max((_depth(one, level + 1) for one in inner), default=level)


def _faults(error: ValidationError) -> list[str]:
    faults = error.errors(include_url=False)
    # A list whose every item is at fault is also said to be too short: that is no fault of its own.
    inner = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    own = [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inner]
    return [_said(fault) for fault in own[:12]]


def _said(fault: Any) -> str:
    place = ".".join(str(step) for step in fault["loc"] if str(step) not in {"sum", "percent"}) or "the whole"
    if fault["type"] == "extra_forbidden":
        return f"{place}: there is no such key here"
    message = str(fault["msg"]).removeprefix("Value error, ")
    found = "" if isinstance(fault["input"], dict | list | tuple) else f" (found {fault['input']!r:.80})"
    return f"{place}: {message}{found}"


def _known(checks: tuple[Control, ...], known: set[str], what: str) -> None:
    for control in checks:
        _known_names(fields_of(control), known, f"the {control.check} check of {what}")


def _known_names(names: set[str], known: set[str], what: str) -> None:
    unknown = sorted(names - known)
    if unknown:
        raise ValueError(f"{what} names no field {', '.join(unknown)}; fields are {', '.join(sorted(known))}")


def _mentions(data: Any, keys: set[str]) -> bool:
    if isinstance(data, dict):
        return any(key in keys or _mentions(inner, keys) for key, inner in data.items())
    return isinstance(data, list) and any(_mentions(inner, keys) for inner in data)
