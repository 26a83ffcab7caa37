"""What the dials make of what the model says."""

from __future__ import annotations

import copy
import json
from typing import Any

from llm_convert.testing.model_server.dials import Dials, Malformed

CUT_OFF = {"max_tokens", "model_context_window_exceeded"}
"""Stop reasons, in Claude's words, of an answer that has no end."""


def shaped(payload: dict[str, Any], dials: Dials) -> Any:
    """A payload as the dials misshape it; it is not changed itself."""
    payload = copy.deepcopy(payload)
    if dials.wrong_digit:
        _change_a_digit(payload)
    if dials.stop_reason in CUT_OFF:
        rows = payload.get("rows", [])
        payload["rows"] = rows[: len(rows) // 2]
    match dials.malformed:
        case Malformed.NOT_AN_OBJECT:
            return json.dumps(payload, ensure_ascii=False)
        case Malformed.ROWS_AS_TEXT:
            return {**payload, "rows": json.dumps(payload.get("rows"), ensure_ascii=False)}
        case Malformed.UNKNOWN_KEY:
            return {**payload, "confidence": 0.9}
        case _:
            return payload


def _change_a_digit(payload: dict[str, Any]) -> None:
    for row in payload.get("rows", []):
        for claim in row.values():
            value = claim.get("value")
            if isinstance(value, int | float) and not isinstance(value, bool):
                text = repr(value)
                changed = text[:-1] + str((int(text[-1]) + 1) % 10)
                claim["value"] = type(value)(changed)
                return
