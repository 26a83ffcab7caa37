"""Foreign text where people and models read it. Values keep what they are; only names and views pass through here."""

from __future__ import annotations

import re

LONGEST_NAME = 200
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1f\x85\u2028\u2029]")
_STEERING = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""Control characters, those that turn the direction of writing, and tags, in which text can hide from a person."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?%?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def one_line(text: str, *, line_end: str = " ") -> str:
    """The text in one line whatever ends lines, tabs as blanks, without characters that steer how it is shown.

    Bytes of a file name that are no UTF-8 become U+FFFD.
    """
    line = _LINE_END.sub(line_end, text).replace("\t", " ")
    return _LONE_SURROGATE.sub("\ufffd", _STEERING.sub("", line))


def as_name(text: str, *, default: str = "unnamed") -> str:
    """A name from outside as addresses, keys and logs may hold it: one line, stripped, 200 characters at most."""
    return one_line(text).strip()[:LONGEST_NAME].rstrip() or default


def inert(text: str) -> str:
    """A text for a file that spreadsheet programs open: what they would take for a formula begins with ``'``.

    Plain numbers such as ``-1,234.5`` stay as they are.
    """
    formula = text.lstrip(" \u00a0\u3000").startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if formula else text
