"""The last lines of a log in Cloud Logging, where its client happens to be installed. For diagnoses alone."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from llm_convert.execution.backends.google_api import Remedies, calling

LOG_LINES = 50


def last_lines(project: str, wanted: str, remedies: Remedies) -> str:
    """The last 50 lines that a filter selects, the oldest first; empty without the package ``google-cloud-logging``.

    Raises:
        UnavailableError: the service can't be asked now.
        ConfigurationError: it refuses to tell.
    """
    try:
        logging: Any = import_module("google.cloud.logging")
    except ImportError:
        return ""
    with calling("reading the log", remedies):
        client = logging.Client(project=project)
        newest_first = client.list_entries(filter_=wanted, order_by="timestamp desc", max_results=LOG_LINES)
        return "\n".join(reversed([_line(entry.payload) for entry in newest_first]))


def _line(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False, default=str)
