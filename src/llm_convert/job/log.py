"""Structured JSON logs on standard output, as Cloud Logging reads them. No document text, no secrets."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any


class JsonFormatter(logging.Formatter):
    """One JSON object a line: severity, message, logger, and the fields given as ``extra={"fields": {...}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, Any] = {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        entry.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            # The traceback names our code; the exception's text may quote a document and is left out.
            entry["exception"] = record.exc_info[0].__name__
            entry["where"] = _where(record)
        return json.dumps(entry, ensure_ascii=False)


def _where(record: logging.LogRecord) -> list[str]:
    trace = record.exc_info[2] if record.exc_info else None
    found = []
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename.rsplit('llm_convert', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-8:]


def log_to_stdout(level: str) -> None:
    """Send all logs of this process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("httpx", "httpx2"):
        # A line for each request: our own messages tell of each document.
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
