"""A model's answer with one changed digit is never landed, whatever the field, its type or its place."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llm_convert.contracts.document import Document, Sheet, TextPage
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Answer, Claimed
from llm_convert.conversion.grounding import prove
from llm_convert.errors import DataError
from llm_convert.readings import read

numbers = st.integers(0, 10**9) | st.decimals(0, 10**6, places=2).map(float)
days = st.dates(datetime(1990, 1, 1).date(), datetime(2060, 1, 1).date())
moments = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(microsecond=0))
codes = st.from_regex(r"[A-Z]{2}-[0-9]{3,6}", fullmatch=True)

cases = st.one_of(
    st.tuples(st.just(FieldType.INTEGER), st.integers(0, 10**12).map(lambda n: (n, str(n)))),
    st.tuples(st.just(FieldType.NUMBER), numbers.map(lambda n: (n, repr(n)))),
    st.tuples(st.just(FieldType.DECIMAL), numbers.map(lambda n: (n, f"{n:.2f}" if isinstance(n, float) else str(n)))),
    st.tuples(st.just(FieldType.DECIMAL), st.integers(0, 10**9).map(lambda n: (f"₩ {n:,}", str(n)))),
    st.tuples(st.just(FieldType.DECIMAL), st.integers(1, 10**9).map(lambda n: (f"({n:,})", f"-{n}"))),
    st.tuples(st.just(FieldType.NUMBER), st.integers(0, 99).map(lambda n: (f"{n}%", repr(n / 100)))),
    st.tuples(st.just(FieldType.DATE), days.map(lambda day: (day, day.isoformat()))),
    st.tuples(st.just(FieldType.DATE), days.map(lambda day: (f"{day:%Y.%m.%d} 기준", day.isoformat()))),
    st.tuples(st.just(FieldType.DATE), days.map(lambda d: (f"{d.year}년 {d.month}월 {d.day}일", d.isoformat()))),
    st.tuples(st.just(FieldType.DATETIME), moments.map(lambda at: (at, at.isoformat()))),
    st.tuples(st.just(FieldType.DATETIME), moments.map(lambda at: (f"{at:%Y-%m-%d %H:%M:%S}", at.isoformat()))),
    st.tuples(st.just(FieldType.TEXT), codes.map(lambda code: (code, code))),
    st.tuples(st.just(FieldType.TEXT), codes.map(lambda code: (f"품번 {code} 입고", code))),
)


def _proven(type: FieldType, value: Any, at: tuple[str, ...], document: Document, unit: str | None = None) -> bool:
    fields = (OutputField(name="f", type=type, unit=unit),)
    prompt = Prompt(prompt_id="p", file_ids=("X",), instructions="x", output=OutputSchema(table="t", fields=fields))
    return bool(prove(Answer(rows=({"f": Claimed(value=value, at=at)},)), prompt, document)[0])


def _document(stands: Any, other: Any = None) -> Document:
    sheet = Sheet(name="S", rows=(("단위: 천원", "(단위: 백만원)"), (stands, other)))
    lines = (str(stands),)
    return Document(name="d", sha256="0" * 64, kind="xlsx", parts=(sheet, TextPage(name="page 1", lines=lines)))


def _changed(text: str, place: int, digit: str) -> str:
    digits = [index for index, one in enumerate(text) if one.isdigit()]
    index = digits[place % len(digits)]
    assume(text[index] != digit)
    return text[:index] + digit + text[index + 1 :]


@settings(max_examples=400)
@given(cases, st.integers(0, 30), st.sampled_from("0123456789"), st.booleans())
def test_a_changed_digit_is_caught(case, place, digit, in_text) -> None:
    type, (stands, said) = case
    document = _document(stands)
    at = ("page 1!line 1",) if in_text and isinstance(stands, str) else ("S!A2",)
    assert _proven(type, said, at, document)
    spoilt = _changed(said, place, digit)
    with suppress(DataError):
        assume(read(spoilt, type) != read(said, type))
    assert not _proven(type, spoilt, at, document)


@given(st.integers(1, 10**8), st.integers(0, 30), st.sampled_from("0123456789"))
def test_a_changed_digit_of_a_scaled_number_is_caught(number, place, digit) -> None:
    document = _document(number)
    assert _proven(FieldType.DECIMAL, str(number * 1000), ("S!A2", "S!A1"), document, "KRW")
    spoilt = _changed(str(number * 1000), place, digit)
    assert not _proven(FieldType.DECIMAL, spoilt, ("S!A2", "S!A1"), document, "KRW")


@given(st.integers(1, 10**8))
def test_a_number_is_scaled_once_and_by_what_is_cited(number) -> None:
    document = _document(number)
    for at, factor in ((("S!A1", "S!A1"), 10**6), (("S!A1", "S!B1"), 10**9), (("S!B1",), 1000), (("S!A1",), 1)):
        assert not _proven(FieldType.DECIMAL, str(number * factor), ("S!A2", *at), document, "KRW")


@given(moments)
def test_a_time_is_not_dropped_from_a_moment(moment) -> None:
    assume(moment.time() != datetime.min.time())
    for stands in (moment, f"{moment:%Y-%m-%d %H:%M}", f"회의 {moment:%Y-%m-%d %H:%M} 서울"):
        assume(isinstance(stands, datetime) or moment.hour or moment.minute)
        midnight = f"{moment:%Y-%m-%d}T00:00:00"
        assert not _proven(FieldType.DATETIME, midnight, ("S!A2",), _document(stands))


def test_the_nearest_place_that_fits_is_told() -> None:
    fields = (OutputField(name="f", type=FieldType.INTEGER),)
    prompt = Prompt(prompt_id="p", file_ids=("X",), instructions="x", output=OutputSchema(table="t", fields=fields))
    rows = ((7, 8, 12), (None, "none", "Total: 12"), (12, 12, 12))
    lines = ("total 5", "none", "total 12")
    parts = (Sheet(name="S", rows=rows), TextPage(name="page 1", lines=lines))
    document = Document(name="d", sha256="0" * 64, kind="xlsx", parts=parts)

    def said(at: str) -> str:
        _, (bad,) = prove(Answer(rows=({"f": Claimed(value=12, at=(at,))},)), prompt, document)
        return bad.reasons[0]

    assert said("S!B1") == "f: 12 is not what stands at S!B1; it stands at S!C1"
    assert said("S!A1") == "f: 12 is not what stands at S!A1; it stands at S!C1"
    assert said("page 1!line 1") == "f: 12 is not what stands at page 1!line 1; it stands at page 1!line 3"
    assert said("S!name") == "f: 12 is not what stands at S!name"
