"""Builds sheets, runs programs over them and reads rows back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_convert.contracts.document import CellRange, CellStyle, Document, Part, Sheet, parse_cell_reference
from llm_convert.contracts.prompt import Prompt
from llm_convert.programs import Run, execute, load_program

PROGRAMS = Path(__file__).parent / "real"


def sheet(*rows: list[Any], name: str = "S", merged: str = "", styles: dict[str, CellStyle] | None = None) -> Sheet:
    """A sheet from rows of cells; ``merged`` is such as ``"A1:B1 C2:C5"``, styles are by reference."""
    return Sheet(
        name=name,
        rows=tuple(tuple(row) for row in rows),
        merged=tuple(_range(text) for text in merged.split()),
        styles={parse_cell_reference(at): style for at, style in (styles or {}).items()},
    )


def _range(text: str) -> CellRange:
    first, last = text.split(":")
    (top, left), (bottom, right) = parse_cell_reference(first), parse_cell_reference(last)
    return CellRange(top, left, bottom, right)


def document(*parts: Part, name: str = "in/report 2024.xlsx") -> Document:
    return Document(name=name, sha256="0" * 64, kind="xlsx", parts=parts)


def run(program: str | dict[str, Any], *sheets: Sheet, prompt: Prompt | None = None) -> Run:
    return execute(load_program(program), document(*sheets), prompt.output if prompt else None)


def table(yaml: str) -> str:
    """A program of one table from the table's YAML."""
    lines = yaml.strip("\n").splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "tables:\n- " + "\n  ".join(line[margin:] for line in lines)


def values(run: Run) -> list[tuple[Any, ...]]:
    return [tuple(record.values.values()) for record in run.records]


def places(run: Run) -> list[tuple[str, ...]]:
    """The addresses of each row's fields, without the sheet's name."""
    return [tuple("+".join(at.rpartition("!")[2] for at in got.at) for got in record.got) for record in run.records]


def prompt(*fields: dict[str, Any], **more: Any) -> Prompt:
    output = {"table": "t", "fields": list(fields)}
    return Prompt.model_validate({"prompt_id": "p", "file_ids": ["F"], "instructions": "x", "output": output, **more})
