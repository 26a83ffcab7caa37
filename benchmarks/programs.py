"""What running a program costs beside reading its workbook: 50,000 cells, one process.

    python benchmarks/programs.py [folder of workbooks with a program of the same name in tests/programs/real]

Prints seconds of CPU, the best of three, and for a folder the sizes of programs and views.
"""

import io
import sys
import time
from pathlib import Path

import openpyxl
import xlsxwriter
from python_calamine import CalamineWorkbook

from llm_convert.documents import ReadOptions, read_document
from llm_convert.programs import execute, fingerprint, load_program, sheet_view, tsv_chars

REAL = Path(__file__).parents[1] / "tests" / "programs" / "real"
CROSS = {
    "tables": {
        "anchor": "^Region$",
        "values": r"^\d{4}$",
        "fields": {
            "region": {"column": "^Region$", "look": "up"},
            "item": {"column": "^Item$"},
            "year": {"header": 0},
            "value": {"as": "number"},
        },
        "checks": {"check": "unique", "fields": ["region", "item", "year"]},
    }
}
RECORDS = {
    "tables": {
        "anchor": "^Region$",
        "values": "^Item$",
        "fields": {
            "region": {"column": "^Region$", "look": "up"},
            "item": {},
            "a": {"column": "2000", "as": "number"},
            "b": {"column": "2001", "as": "decimal"},
        },
    }
}


def workbook(rows, columns):
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, ["Region", "Item", *(str(2000 + column) for column in range(columns))])
        for row in range(rows):
            if row % 10 == 0:
                sheet.write(row + 1, 0, f"Region {row // 10}")
            sheet.write_row(row + 1, 1, [f"Item {row}", *(row * 1.25 + column for column in range(columns))])
    return buffer.getvalue()


def seconds(work):
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def by_openpyxl(data):
    for sheet in openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True):
        list(sheet.iter_rows(values_only=True))


def by_calamine(data):
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    for name in book.sheet_names:
        book.get_sheet_by_name(name).to_python()


def timed(label, data, program):
    document = read_document("a.xlsx", data, ReadOptions(styles=program.needs_styles))
    done = execute(program, document)
    calamine = seconds(lambda: by_calamine(data))
    print(
        f"{label:24} calamine {calamine:.3f}  openpyxl {seconds(lambda: by_openpyxl(data)):.3f}  "
        f"execute {seconds(lambda: execute(program, document)):.3f} (limit {2 * calamine + 0.2:.3f})  "
        f"fingerprint {seconds(lambda: fingerprint(done)):.3f}  rows {len(done.records)}"
    )
    return document


for label, shape, data in (
    ("cross, wide", (1000, 48), CROSS),
    ("cross, long", (5000, 10), CROSS),
    ("records", (12_500, 3), RECORDS),
):
    timed(label, workbook(*shape), load_program(data))
for path in sorted(Path(sys.argv[1]).glob("*.xlsx")) if len(sys.argv) > 1 else ():
    program = load_program((REAL / f"{path.stem}.yaml").read_text(encoding="utf-8"))
    document = timed(path.stem, path.read_bytes(), program)
    views = ", ".join(f"{len(sheet_view(sheet))} of {tsv_chars(sheet)}" for sheet in document.sheets)
    print(f"{'':24} program {len(program.dumps())} characters; view of the sheets' TSV: {views}")
