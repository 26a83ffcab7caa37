"""Golden cases: a folder each, beside the prompts, with a document and the rows that it must give.

<folder>/<prompt id>/<case>/
    <any name>               the document, as it would be crawled; or case.yaml names a sample
    expected.csv             its rows; expected.unchecked.csv until a person has looked at them
    case.yaml                optional: a note, settings of reading
    program.yaml             optional: a conversion program that is kept when the document comes
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field

from llm_convert.contracts.base import Contract, parse
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Row
from llm_convert.errors import ConfigurationError
from llm_convert.evaluation.expected import ExpectedRow, rows_of, text_of_rows

EXPECTED, UNCHECKED = "expected.csv", "expected.unchecked.csv"
ABOUT, PROGRAM = "case.yaml", "program.yaml"


class SampleReference(Contract):
    """A document of this library's own samples, made when it is needed."""

    file_id: str
    week: int = Field(ge=1, le=2)


class About(Contract):
    """What ``case.yaml`` says."""

    note: str = ""
    """What the case is there for."""
    sample: SampleReference | None = None
    """In the place of a document's file."""
    hidden_sheets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden case."""

    prompt_id: str
    name: str
    folder: Path
    about: About
    document: Path | None
    """None where it is a sample."""

    @property
    def checked(self) -> bool:
        """Whether a person has looked at its expected rows."""
        return (self.folder / EXPECTED).exists()

    @property
    def accepted(self) -> bool:
        """Whether it has expected rows at all."""
        return self.checked or (self.folder / UNCHECKED).exists()

    @property
    def expected_path(self) -> Path:
        """Where its expected rows stand, or would stand unchecked."""
        return self.folder / (EXPECTED if self.checked else UNCHECKED)

    @property
    def program(self) -> Path | None:
        """The program that is kept for it."""
        path = self.folder / PROGRAM
        return path if path.exists() else None

    @property
    def label(self) -> str:
        """``prompt/case``."""
        return f"{self.prompt_id}/{self.name}"


def cases_of(folders: Sequence[Path], prompt_id: str) -> list[Case]:
    """The cases of a prompt in all folders, by name; a folder that is not there has none.

    Raises:
        ConfigurationError: one has no document, or more than one, or its case.yaml can't be read.
    """
    below = [folder / prompt_id for folder in folders]
    found = sorted(path for folder in below if folder.is_dir() for path in folder.iterdir() if path.is_dir())
    return [_case(path, prompt_id) for path in found if not path.name.startswith(".")]


def expected_rows(case: Case, prompt: Prompt) -> tuple[list[ExpectedRow], str]:
    """The rows that a case must give, and a digest of them that neither their order nor a way of writing them changes.

    Raises:
        ConfigurationError: there are none, or they don't fit the prompt.
    """
    if not case.accepted:
        raise ConfigurationError(
            f"{case.label} has no expected rows",
            remedy=f"Write {case.folder / EXPECTED}, or run llm-convert eval --accept and check what it writes.",
        )
    rows = rows_of(_text(case.expected_path), prompt.output, where=str(case.expected_path))
    digest = hashlib.sha256(repr(sorted(repr(sorted(row.values.items())) for row in rows)).encode()).hexdigest()[:16]
    return rows, digest


def write_expected(case: Case, rows: Sequence[Row], prompt: Prompt) -> Path:
    """Write rows as expected ones that nobody has checked yet; where."""
    path = case.folder / UNCHECKED
    path.write_text(text_of_rows(rows, prompt.output), encoding="utf-8", newline="\n")
    return path


def _case(folder: Path, prompt_id: str) -> Case:
    about = _about(folder / ABOUT)
    documents = list(_documents(folder))
    wanted = 0 if about.sample else 1
    if len(documents) != wanted:
        said = ", ".join(path.name for path in documents) or "none"
        remedy = "Take it away, or the sample out of case.yaml." if about.sample else "Put exactly one document there."
        raise ConfigurationError(f"the case {folder} needs {wanted} documents, found {said}", remedy=remedy)
    return Case(
        prompt_id=prompt_id,
        name=folder.name,
        folder=folder,
        about=about,
        document=documents[0] if documents else None,
    )


def _documents(folder: Path) -> Iterator[Path]:
    ours = {EXPECTED, UNCHECKED, ABOUT, PROGRAM}
    return (path for path in sorted(folder.iterdir()) if path.name not in ours and not path.name.startswith("."))


def _about(path: Path) -> About:
    if not path.exists():
        return About()
    try:
        data = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    return parse(About, data or {}, where=str(path))


def _text(path: Path) -> str:
    try:
        # Spreadsheet programs write a mark before the header.
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}", remedy="Write it in UTF-8.") from None
