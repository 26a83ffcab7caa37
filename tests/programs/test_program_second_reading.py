"""Every value that programs give of the published workbooks, against a reading by openpyxl and none of our code.

What programs written by hand give is what these give, see ``test_program_written_by_models``; no model wrote one for
the school's workbook.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from programs_kit import PROGRAMS

from llm_convert.documents import ReadOptions, read_document
from llm_convert.programs import execute, load_program
from llm_convert.prompts import read_prompt
from real_books import READ, rows_of

WRITTEN = PROGRAMS.parent / "written"
SERIES = "Tipo de Cambio de Referencia - en Pesos - por Dólar"
CORRECTED = {
    "argentina_case2": (("2011-05-06", SERIES, 4.1175), ("2011-07-06", SERIES, 4.1175)),
}
"""What stands in the sheet out of order, and what the program takes it for; it says so, and the row is held back."""


def program_for(name: str) -> str:
    written = WRITTEN / f"{name}.json"
    return (written if written.exists() else PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READ)
def test_every_value_is_that_of_the_second_reading(name: str, real_workbooks: Path) -> None:
    book = real_workbooks / f"{name}.xlsx"
    prompt, program = read_prompt(WRITTEN / f"{name}.prompt.yaml"), load_program(program_for(name))
    document = read_document(book.name, book.read_bytes(), ReadOptions(styles=program.needs_styles))
    run = execute(program, document, prompt.output)
    names = [field.name for field in prompt.output.fields]
    found = Counter(tuple(record.value(field) for field in names) for record in run.records)
    stands = Counter(rows_of(book, name))
    if name in CORRECTED:
        as_it_stands, as_taken = CORRECTED[name]
        stands += Counter([as_taken])
        stands -= Counter([as_it_stands])
    assert found == stands
