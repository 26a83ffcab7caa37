from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.document import (
    AddressError,
    Document,
    Image,
    Sheet,
    TextPage,
    cell_reference,
    column_letters,
    parse_cell_reference,
)


@given(row=st.integers(0, 1_048_575), column=st.integers(0, 16_383))
def test_references_come_back(row: int, column: int) -> None:
    assert parse_cell_reference(cell_reference(row, column)) == (row, column)


@pytest.mark.parametrize(
    ("column", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
)
def test_column_letters(column: int, letters: str) -> None:
    assert column_letters(column) == letters


def document() -> Document:
    return Document(
        name="d.xlsx",
        sha256="0" * 64,
        kind="xlsx",
        parts=(
            Sheet(name="손익 (1)!", rows=((None, 1), ("합계", 2.5))),
            TextPage(name="page 1", lines=("가", "나")),
            Image(name="a.png", media_type="image/png", data=b"x"),
        ),
    )


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("손익 (1)!!B2", 2.5),
        ("손익 (1)!!$B$1", 1),
        ("손익 (1)!!A1", None),
        ("손익 (1)!!Z99", None),
        ("page 1!line 2", "나"),
        ("a.png!image", "image/png"),
    ],
)
def test_addresses_resolve(address: str, value: object) -> None:
    assert document().resolve(address) == value


@pytest.mark.parametrize(
    "address", ["", "B2", "other!B2", "손익 (1)!!2B", "page 1!line 3", "page 1!line 0", "page 1!B2", "a.png!pixel"]
)
def test_addresses_that_lead_nowhere_are_told(address: str) -> None:
    with pytest.raises(AddressError):
        document().resolve(address)
