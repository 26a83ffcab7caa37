"""Builds documents and prompts from small grids, and reads answers back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_convert.contracts.document import CellRange, Document, Part, Sheet, TextPage, parse_cell_reference
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Answer
from llm_convert.conversion.grounding import prove
from llm_convert.layouts import answer

REAL = Path(__file__).parents[3] / "shared" / "data" / "real_workbooks"


def sheet(*rows: list[Any], name: str = "S", merged: str = "") -> Sheet:
    """A sheet from rows of cells; ``merged`` is such as ``"A1:B1 C2:C5"``."""
    return Sheet(
        name=name, rows=tuple(tuple(row) for row in rows), merged=tuple(_range(text) for text in merged.split())
    )


def _range(text: str) -> CellRange:
    first, last = text.split(":")
    (top, left), (bottom, right) = parse_cell_reference(first), parse_cell_reference(last)
    return CellRange(top, left, bottom, right)


def page(text: str, name: str = "page 1") -> TextPage:
    return TextPage(name=name, lines=tuple(text.strip("\n").split("\n")))


def document(*parts: Part, kind: str = "xlsx") -> Document:
    return Document(name="d", sha256="0" * 64, kind=kind, parts=parts)


def field(name: str, *aliases: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "aliases": aliases, **more}


def prompt(
    *fields: dict[str, Any], layout: str = "records", skip: tuple[str, ...] = (), checks: tuple[Any, ...] = ()
) -> Prompt:
    output = {"table": "t", "fields": fields, "layout": layout, "skip": skip}
    return Prompt.model_validate(
        {"prompt_id": "p", "file_ids": ["*"], "instructions": "x", "output": output, "checks": checks}
    )


def values(found: Answer) -> list[dict[str, Any]]:
    return [{name: claim.value for name, claim in row.items()} for row in found.rows]


def ask(asked: Prompt, *parts: Part) -> list[dict[str, Any]]:
    """The rows of an answer as plain values, each of which the real prover has accepted."""
    whole = document(*parts)
    found = answer(asked, whole)
    assert found.clarify is None and found.cause is None, found
    proven, quarantined = prove(found, asked, whole)
    assert not quarantined, quarantined[:3]
    assert len(proven) == len(found.rows)
    return values(found)
