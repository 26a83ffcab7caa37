"""About how many tokens a text is, without asking anybody. For estimates alone: bounds come from ``worst_case``."""

from __future__ import annotations

import re

CHARACTERS_A_TOKEN = 3.6
"""Of running ASCII text, as measured on prose and code."""
DIGITS_A_TOKEN = 2.4
HANGUL_A_TOKEN = 0.85
"""Hangul syllables: somewhat more than a token each."""
OTHERS_A_TOKEN = 0.8

_HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
_DIGITS = re.compile(r"[0-9]")
_ASCII = re.compile(r"[\x00-\x7f]")


def likely_text_tokens(text: str) -> int:
    """By classes of characters; rounded up."""
    hangul, digits, ascii_ = (len(pattern.findall(text)) for pattern in (_HANGUL, _DIGITS, _ASCII))
    others = len(text) - hangul - ascii_
    tokens = (
        (ascii_ - digits) / CHARACTERS_A_TOKEN
        + digits / DIGITS_A_TOKEN
        + hangul / HANGUL_A_TOKEN
        + others / OTHERS_A_TOKEN
    )
    return int(tokens) + 1
