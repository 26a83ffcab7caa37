from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llm_convert.cli.tables import clip, format_table, width


def test_korean_takes_two_columns() -> None:
    assert width("손익") == 4
    assert format_table(["가", "n"], [["a", "1"]], right=(1,)).splitlines() == ["가  n", "──  ─", "a   1"]


@given(text=st.text(), limit=st.integers(2, 60))
def test_a_clipped_text_fits_in_one_line(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert width(clipped) <= limit
    assert len(clipped.splitlines()) <= 1


def test_a_cell_does_not_steer_the_terminal() -> None:
    assert clip("\x1b[2Ja\u202eb\tc\u2028d", 20) == "[2Jab c d"
