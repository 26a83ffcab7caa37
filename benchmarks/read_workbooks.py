"""What reading a workbook costs over its libraries, and what finding its tables adds: 50,000 cells, one process.

    python benchmarks/read_workbooks.py [rows]

Prints seconds of CPU, the best of five; calamine and openpyxl read the same bytes into plain lists.
"""

import hashlib
import io
import random
import sys
import time

import openpyxl
import xlsxwriter
from python_calamine import CalamineWorkbook

from llm_convert.contracts.document import Document
from llm_convert.documents import ReadOptions, read_document
from llm_convert.layouts import answer
from llm_convert.prompts import load_library

COLUMNS = 20


def workbook(rows):
    """A table of numbers under a header, with a label in each row."""
    numbers = random.Random(7)
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("손익")
        sheet.write_row(0, 0, ["지점", *(f"{month + 1}월 실적" for month in range(COLUMNS - 1))])
        for row in range(1, rows):
            sheet.write(row, 0, f"지점 {row}")
            sheet.write_row(row, 1, [round(numbers.uniform(-1e6, 1e6), 2) for _ in range(COLUMNS - 1)])
    return buffer.getvalue()


def by_calamine(data):
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]


def by_openpyxl(data):
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book]


def best(work, rounds=5):
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2500
    data = workbook(rows)
    document: Document = read_document("손익.xlsx", data)
    prompt = load_library().get("any_table")
    print(
        f"{rows * COLUMNS:,} cells, {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()[:8]}; seconds of CPU"
    )
    print(f"calamine alone                 {best(lambda: by_calamine(data)):.3f}")
    print(f"openpyxl alone                 {best(lambda: by_openpyxl(data)):.3f}")
    print(f"read_document                  {best(lambda: read_document('손익.xlsx', data)):.3f}")
    details = ReadOptions(details=True)
    print(f"read_document with details     {best(lambda: read_document('손익.xlsx', data, details)):.3f}")
    print(f"every table found (any_table)  {best(lambda: answer(prompt, document), 3):.3f}")


main()
