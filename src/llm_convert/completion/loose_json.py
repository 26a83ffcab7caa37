"""A JSON object out of a model's prose. It strips what stands around it and never invents what is missing."""

from __future__ import annotations

import json
import re
from typing import Any

from llm_convert.completion.tools import NOT_AN_OBJECT

_FENCE = re.compile(r"^\s*```[a-zA-Z]*\s*\n(?P<body>.*?)\n?\s*```\s*$", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")


def loose_object(text: str) -> dict[str, Any] | None:
    """The object that a text holds, in fences or between words; None where there is none.

    What is JSON and no object is kept under NOT_AN_OBJECT. A text that was cut off holds no object.
    """
    fenced = _FENCE.match(text)
    body = fenced["body"] if fenced else text
    first, last = body.find("{"), body.rfind("}")
    candidates = [body, body[first : last + 1]] if 0 <= first < last else [body]
    for candidate in candidates:
        for attempt in (candidate, _TRAILING_COMMA.sub("", candidate)):
            try:
                found = json.loads(attempt)
            except ValueError:
                continue
            return found if isinstance(found, dict) else {NOT_AN_OBJECT: found}
    return None
