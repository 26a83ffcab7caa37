"""What every client of the vendor's SDK is made with: our timeouts, the faster transport, no document in its log."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

_CONNECT_SECONDS = 10.0


def timeout_of(seconds: float) -> Any:
    """How long the service may be silent; with a timeout given, the SDK allows long answers."""
    from anthropic import Timeout

    return Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))


def http_client(seconds: float) -> Any:
    """The transport that takes the least of this machine; None, the SDK's own, where aiohttp is not installed."""
    if importlib.util.find_spec("aiohttp") is None:
        return None
    from anthropic import DefaultAioHttpClient

    return DefaultAioHttpClient(timeout=timeout_of(seconds))


def keep_documents_out_of_logs() -> None:
    """At DEBUG the SDK logs whole requests."""
    log = logging.getLogger("anthropic")
    if log.getEffectiveLevel() < logging.INFO:
        log.setLevel(logging.INFO)
