"""Golden cases on the disk: what a folder holds, expected rows as a person writes them, and every fault by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Row
from llm_convert.errors import ConfigurationError
from llm_convert.evaluation import Case, cases_of, expected_rows, write_expected
from llm_convert.evaluation.expected import rows_of, text_of_rows
from llm_convert.readings import read

PROMPT = Prompt.model_validate(
    {
        "prompt_id": "sales",
        "file_ids": ["SALES"],
        "instructions": "x",
        "output": {
            "table": "sales",
            "fields": [
                {"name": "item"},
                {"name": "day", "type": "date"},
                {"name": "amount", "type": "decimal"},
                {"name": "rate", "type": "number"},
                {"name": "paid", "type": "boolean"},
            ],
        },
    }
)
HEADER = "item,day,amount,rate,paid\n"


def a_case(folder: Path, **files: str) -> Case:
    path = folder / "sales" / "one"
    path.mkdir(parents=True)
    (path / "매출.csv").write_text("품목\n샴푸\n", encoding="utf-8")
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text, encoding="utf-8-sig")
    (case,) = cases_of([folder, folder / "not there"], "sales")
    return case


def test_values_are_read_as_a_document_s(tmp_path: Path) -> None:
    text = f'{HEADER}샴푸,2025.11.7,"1,234.50",0.1,true\n\n"a, b",,-3,,\n'
    case = a_case(tmp_path, expected__csv=text, case__yaml="note: why\nhidden_sheets: true\n")
    rows, digest = expected_rows(case, PROMPT)
    assert [row.values for row in rows] == [
        {"item": "샴푸", "day": "2025-11-07", "amount": "1234.5", "rate": 0.1, "paid": True},
        {"item": "a, b", "day": None, "amount": "-3", "rate": None, "paid": None},
    ]
    assert [row.line for row in rows] == [2, 4]
    assert (case.checked, case.about.note, case.about.hidden_sheets) == (True, "why", True)
    (case.folder / "expected.csv").write_text(f'{HEADER}"a, b",,-3.0,,\n샴푸,2025-11-07,1234.5,0.10,yes\n')
    assert expected_rows(case, PROMPT)[1] == digest, "order and notation mean nothing"
    (case.folder / "expected.csv").write_text(f"{HEADER}샴푸,2025-11-07,1234.6,0.1,yes\n")
    assert expected_rows(case, PROMPT)[1] != digest


characters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("'=+-@1")
texts = st.text(characters, max_size=8).map(lambda text: read(text, PROMPT.output.field("item").type))
values = st.fixed_dictionaries(
    {
        "item": texts,
        "day": st.none() | st.dates().map(lambda day: day.isoformat()),
        "amount": st.none()
        | st.decimals(-(10**9), 10**9, places=3).map(lambda n: read(str(n), PROMPT.output.fields[2].type)),
        "rate": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
        "paid": st.none() | st.booleans(),
    }
)


@given(st.lists(values, max_size=4))
def test_what_is_written_is_read_back(rows: list[dict[str, Scalar]]) -> None:
    text = text_of_rows([Row(values=row) for row in rows], PROMPT.output)
    assert [row.values for row in rows_of(text, PROMPT.output, where="x")] == rows


@pytest.mark.parametrize(
    ("item", "written"), [("=1+1", "'=1+1"), ("'=1+1", "''=1+1"), ("-5", "-5"), ("@a", "'@a"), ("it's", "it's")]
)
def test_a_spreadsheet_program_runs_nothing_of_it(item: str, written: str) -> None:
    row = Row(values={"item": item, "amount": "-3.5"})
    assert text_of_rows([row], PROMPT.output) == f"{HEADER}{written},,-3.5,,\n"


def test_accepted_rows_are_unchecked_until_a_person_renames_them(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    with pytest.raises(ConfigurationError, match=r"sales/one has no expected rows. Write .*expected\.csv, or run"):
        expected_rows(case, PROMPT)
    path = write_expected(case, [Row(values={"item": "샴푸", "amount": "5"})], PROMPT)
    assert path.read_text(encoding="utf-8") == f"{HEADER}샴푸,,5,,\n"
    assert (case.accepted, case.checked) == (True, False)
    assert expected_rows(case, PROMPT)[0][0].values["amount"] == "5"
    path.rename(case.folder / "expected.csv")
    assert case.checked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks item, day, amount, rate, paid. Its first line must be: item,day,amount,rate,paid"),
        ("item,day,amount,rate\n", "lacks paid"),
        ("item,day,amount,rate,paid,item\n", "has item twice"),
        ("item,day,amuont,rate,paid\n", "unknown column 'amuont' in .*Did you mean 'amount'"),
        (f"{HEADER}a,,1,,\nb,,1\n", "line 3 has 3 values, expected 5"),
        (f"{HEADER}a,,many,,\n", r"line 2, amount: .*many.* Correct the expected value"),
    ],
)
def test_expected_rows_that_do_not_fit_are_named_by_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        expected_rows(a_case(tmp_path, expected__csv=text), PROMPT)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"more__xlsx": ""}, "needs 1 documents, found more.xlsx, 매출.csv. Put exactly one"),
        ({"case__yaml": "sample: {file_id: SALES, week: 1}"}, "needs 0 documents, found 매출.csv"),
        ({"case__yaml": "sample: {file_id: SALES, week: 3}"}, "sample.week"),
        ({"case__yaml": "notes: x"}, "unknown key 'notes' .*Did you mean 'note'"),
        ({"case__yaml": "["}, "is no YAML"),
    ],
)
def test_a_folder_that_is_no_case_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        a_case(tmp_path, **files)
