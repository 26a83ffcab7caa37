"""Conversion programs: a layout's meaning as data, written once by a model or a person, run by code ever after.

    program = load_program(text)                      # YAML or JSON; every fault in words for its writer
    run = execute(program, document, prompt.output)   # MisfitError: where it does not fit, and what comes nearest
    run.answer(), run.told()                          # rows with their addresses; what to tell the writer
    fingerprint(run) == kept                          # the same layout as last week?

Nothing here calls a model or evaluates code; patterns run in bounded time.
"""

from __future__ import annotations

from llm_convert.programs.brief import brief, instruction, repair, target_text, told_of
from llm_convert.programs.derived import all_derived, derived_fields
from llm_convert.programs.executor import execute
from llm_convert.programs.faults import Misfit, MisfitError, ProgramError
from llm_convert.programs.fingerprint import Fingerprint, differences, fingerprint
from llm_convert.programs.kept import PERSON, KeptProgram, ProgramStore, Provenance, keep
from llm_convert.programs.language import Program, Table, load_program
from llm_convert.programs.reference import tool_schema
from llm_convert.programs.run import Checked, Finding, Kind, Record, Run
from llm_convert.programs.shelf import Read, Shelf, Trial
from llm_convert.programs.sketch import Sketch, alike, sketch_of
from llm_convert.programs.view import sheet_view, tsv_chars, view

__all__ = [
    "PERSON",
    "Checked",
    "Finding",
    "Fingerprint",
    "KeptProgram",
    "Kind",
    "Misfit",
    "MisfitError",
    "Program",
    "ProgramError",
    "ProgramStore",
    "Provenance",
    "Read",
    "Record",
    "Run",
    "Shelf",
    "Sketch",
    "Table",
    "Trial",
    "alike",
    "all_derived",
    "brief",
    "derived_fields",
    "differences",
    "execute",
    "fingerprint",
    "instruction",
    "keep",
    "load_program",
    "repair",
    "sheet_view",
    "sketch_of",
    "target_text",
    "told_of",
    "tool_schema",
    "tsv_chars",
    "view",
]
