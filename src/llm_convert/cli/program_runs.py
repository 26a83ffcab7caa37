"""Running a program on a file a person has: its rows, their proof, and what its writer should be told."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from llm_convert.cli.conversions import bytes_of
from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.shown import inert
from llm_convert.contracts.work import QuarantinedRow, Row
from llm_convert.conversion.draft import Draft
from llm_convert.documents import ReadOptions, read_document
from llm_convert.programs import MisfitError, ProgramError, Run, all_derived, execute, load_program, told_of

SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A program's run over a file."""

    document: Document
    run: Run | None
    """None where the program is not valid or does not fit."""
    rows: tuple[Row, ...]
    """Every row that it gives."""
    told: str
    """For its writer: what is wrong with the program, or what its run showed."""
    good: bool
    """It gives rows, all of them are proven, and every check holds."""


def read_file(path: Path, *, styles: bool) -> Document:
    """A document from a file.

    Raises:
        ConfigurationError: there is no such file.
        WorkItemError: it can't be read as a document.
    """
    return read_document(path.name, bytes_of(path), ReadOptions(styles=styles))


def try_program(text: str, prompt: Prompt, path: Path) -> Tried:
    """Run a program from its text on a file."""
    document = read_file(path, styles=False)
    try:
        program = load_program(text)
        if program.needs_styles:
            document = read_file(path, styles=True)
        run = execute(program, document, prompt.output)
    except (ProgramError, MisfitError) as error:
        return Tried(document=document, run=None, rows=(), told=str(error), good=False)
    draft = Draft.of(run.answer().rows, prompt, document, derived=all_derived(program))
    faults = [*draft.disagreements, *(_fault(row) for row in draft.quarantined)]
    told = "\n".join([told_of(run), *_proof(draft, faults)])
    rows = tuple(
        Row(
            values={name: record.value(name) for name in record.fields},
            at={name: record.at(name) for name in record.fields},
        )
        for record in run.records
    )
    return Tried(document=document, run=run, rows=rows, told=told, good=bool(draft.rows) and not faults)


def _fault(row: QuarantinedRow) -> str:
    where = ", ".join(dict.fromkeys(address for at in row.row.at.values() for address in at))
    return f"[{where}] {'; '.join(row.reasons)}"


def _proof(draft: Draft, faults: list[str]) -> list[str]:
    if not faults:
        return [f"{len(draft.rows)} rows are proven against their cells", *draft.coverage_notes()]
    more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    return [f"{len(faults)} rows or totals are not proven:", *faults[:SHOWN], *more]


def print_rows(tried: Tried, prompt: Prompt, form: str) -> None:
    """All rows on standard output, with the addresses that each value comes from.

    As JSON values are exact. A CSV is opened in spreadsheet programs: what they would run begins with an apostrophe.
    """
    names = [field.name for field in prompt.output.fields]
    if form == "json":
        for row in tried.rows:
            fields = {name: {"value": row.values.get(name), "at": list(row.at.get(name, ()))} for name in names}
            print(json.dumps(fields, ensure_ascii=False, default=str))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*names, *(f"{name}_at" for name in names)])
    for row in tried.rows:
        places = (" ".join(row.at.get(name, ())) for name in names)
        writer.writerow([*(_in_csv(row.values.get(name)) for name in names), *map(inert, places)])


def _in_csv(value: Scalar) -> Scalar:
    return "" if value is None else inert(value) if isinstance(value, str) else value
