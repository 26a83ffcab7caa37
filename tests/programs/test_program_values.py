"""The quick readings of plain values are those of the readings room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.tables import FieldType
from llm_convert.programs.contents import PLAIN_NUMBER, contents_of, is_mark
from llm_convert.programs.patterns import pattern
from llm_convert.programs.predicates import Content
from llm_convert.programs.values import pieces, reader, replaced
from llm_convert.readings import ReadingError, is_missing, parse_number, read

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12)
texts = st.from_regex(PLAIN_NUMBER, fullmatch=True)


def outcome(function, value):
    try:
        return function(value)
    except ReadingError:
        return "refused"


@given(
    numbers | texts | st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.sampled_from([-0.0, 0.0, 1e15, 5e-7])
)
def test_numbers_and_decimals(value) -> None:
    for type in (FieldType.NUMBER, FieldType.DECIMAL):
        assert outcome(reader(type), value) == outcome(lambda own, type=type: read(own, type), value)


@given(texts)
def test_plain_numbers_are_numbers(text) -> None:
    assert parse_number(text) is not None
    assert Content.NUMBER in contents_of(text)


@given(st.text(max_size=8) | st.sampled_from(["-", "—", "N/A", "nan", "…", "해당없음", "５", "1"]))
def test_marks_are_those_of_the_readings(text) -> None:
    if text.strip():
        assert is_mark(text) == is_missing(text)


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (None, "blank"),
        (3, "filled number stored_number"),
        (1999.0, "filled number stored_number year"),
        ("1999", "filled text number year"),
        ("1,234", "filled text number"),
        ("(5)", "filled text number"),
        ("₩3만", "filled text number"),
        ("USD 5", "filled text number"),
        ("Item 5", "filled text words"),
        ("March 3, 2014", "filled text date"),
        ("2014-03-01", "filled text date"),
        ("abc", "filled text words"),
        ("-", "filled text missing"),
        (float("nan"), "filled missing"),
        ("#REF!", "filled error"),
        (True, "filled boolean"),
        ("x" * 100 + "1", "filled text words"),
    ],
)
def test_kinds_of_content(value, kinds) -> None:
    assert contents_of(value) == {Content(kind) for kind in kinds.split()}


def test_replacing_takes_the_new_text_plainly_and_each_match_once() -> None:
    assert replaced(pattern(r"^\d "), r"\1", "1 2 3") == r"\12 3"
    assert replaced(pattern("x*"), "-", "axxb") == "a-b"
    assert pieces(pattern("[,;]"), "a, ;b") == ["a", "b"]
    assert pieces(pattern("x*"), "abc") == ["abc"]
