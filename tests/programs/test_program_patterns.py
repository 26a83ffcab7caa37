from __future__ import annotations

import time

import pytest

from llm_convert.programs.patterns import LONGEST_TEXT, check_pattern, pattern


@pytest.mark.parametrize(
    "text",
    [
        r"^Total$",
        r"^(Sub-)?total",
        r"\d{4}-\d\d",
        r"(?i)합계|소계",
        r"^School - (.*)$",
        r"[A-Z]+\d*",
        "",
        r"(ab){2}",
        r".+ of .+",
    ],
)
def test_plain_patterns_are_taken(text) -> None:
    assert check_pattern(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"(a+)+$", "repeated group"),
        (r"(?:a|b*)*", "repeated group"),
        (r"(x+x+)+y", "repeated group"),
        (r"((ab)*)*", "repeated group"),
        (r"(\d+,){2}", "repeated group"),
        (r"(a)\1", "back-references"),
        (r"^(?!Total)", "look-ahead"),
        (r"(?<=a)b", "look-ahead"),
        (r".*.*.*x", "at most two"),
        (r"a{1000}", "count above"),
        (r"(", "no regular expression"),
        ("a" * 400, "characters"),
    ],
)
def test_others_are_refused_with_the_reason(text, said) -> None:
    with pytest.raises(ValueError, match=said):
        check_pattern(text)


@pytest.mark.parametrize("text", [r".*a.*b$", r"\s*\d*\s*\d*$", r"\w+\s*\w+x", r"[^,]*,[^,]*,$"])
def test_the_worst_text_takes_no_time(text) -> None:
    check_pattern(text)
    started = time.process_time()
    for filler in ("a" * 9999, "1 " * 5000, "a," * 5000, " " * 9999):
        pattern(text).find(filler)
    assert time.process_time() - started < 1


def test_only_the_beginning_of_a_long_text_is_seen() -> None:
    assert pattern("needle").find("x" * LONGEST_TEXT + "needle") is None
