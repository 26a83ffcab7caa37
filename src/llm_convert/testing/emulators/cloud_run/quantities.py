"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import re
from typing import Any

_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([kMG]|[KMG]i)?", re.ASCII)


def memory_limit(container: Any) -> str:
    """Of a container, such as ``512Mi``."""
    return str(container.resources.limits.get("memory", "512Mi"))


def parse_quantity(text: str) -> int:
    """Bytes of a quantity. Raises ValueError."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity: expected a number and one of {', '.join(filter(None, _UNITS))}")
    return int(float(found[1]) * _UNITS[found[2] or ""])
