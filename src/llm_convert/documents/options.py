"""What the reader is asked for, and what each format's module hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from llm_convert.contracts.document import Part
from llm_convert.contracts.work import Cause, WorkItemError

INFLATION = 40
"""A zip may unpack to this many times ``max_bytes``: tidy workbooks of repeated numbers reach 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How much is read, and where reading stops."""

    include_hidden_sheets: bool = False
    details: bool = False
    """Read xlsx a second time for formulas and hidden rows; about ten times slower."""
    styles: bool = False
    """Read xlsx a second time for bold, indented and superscript text; about ten times slower."""
    max_bytes: int = 50_000_000
    """Of the file; what a zip unpacks to may be 40 times as large."""
    max_cells: int = 5_000_000
    """Of all sheets together, counting the empty cells between filled ones."""
    max_depth: int = 3
    """Mails within mails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The parts of a document in reading order, and what a person should know about the reading."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def stem(name: str) -> str:
    """The file's name without folders and extension; ``table`` where nothing is left."""
    return PurePosixPath(name.replace("\\", "/")).stem or "table"


def too_many_cells(where: str, found: int, allowed: int) -> WorkItemError:
    """The error for a table that would not fit into memory."""
    return WorkItemError(Cause.TOO_LARGE, f"{where} spans {found:,} cells; at most {allowed:,} are read")


def listed(names: list[str], *, limit: int = 10) -> str:
    """Names for a note, quoted, the first ten of them."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
