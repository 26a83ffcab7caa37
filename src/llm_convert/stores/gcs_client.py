"""The one Cloud Storage client of a process: its credentials, its connections, and what a fork does to them."""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llm_convert.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from google.cloud.storage import Client  # type: ignore[import-untyped]

CONNECTIONS = 64
"""How many requests of one process are on the wire at once; further threads wait for a connection."""

_NAMING = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT")
"""Variables that decide whom a client talks to, and as whom: with other values there is another client."""


class _Clients:
    """The clients of this process, by what makes them differ."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: dict[tuple[str | None, ...], Client] = {}


_clients = _Clients()


def require_package() -> None:
    """Raise MissingExtraError where google-cloud-storage is not installed; nothing heavy is imported to know."""
    try:
        found = find_spec("google.cloud.storage")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise MissingExtraError("google-cloud-storage", "gcp")


def client_for(project: str | None) -> Client:
    """The process's client, made by the first caller; safe for any number of threads.

    Args:
        project: whose client it is; None is right for all that names its bucket.

    Raises:
        ConfigurationError: there are no credentials.
    """
    identity = (project, *(os.environ.get(name) for name in _NAMING))
    held = _clients
    with held.lock:
        if identity not in held.known:
            held.known[identity] = _open(project)
        return held.known[identity]


def close_clients() -> None:
    """Close every connection of this process; the next request opens a new client."""
    held = _clients
    with held.lock:
        opened = list(held.known.values())
        held.known.clear()
    for client in opened:
        client.close()


def _open(project: str | None) -> Client:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud.storage import Client

    try:
        client = Client(project=project)
    except DefaultCredentialsError as error:
        raise ConfigurationError(
            f"no Google Cloud credentials were found: {str(error).splitlines()[0]}",
            remedy="Run as a service account, or log in with: gcloud auth application-default login",
        ) from None
    # For its traces the client asks for each bucket's metadata in a thread of its own, traces wanted or not: a request
    # that nobody bounds and that needs a permission beyond the role that is enough for objects.
    client._bucket_metadata_cache = None
    _widen(client._http)
    return client


def _widen(session: Any) -> None:
    # The default pool keeps ten connections: with more threads each further request would pay a new TLS handshake.
    from requests.adapters import HTTPAdapter

    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS, pool_block=True))


def _forget() -> None:
    # Two processes that share a TLS connection read each other's answers, and a lock held during the fork stays so.
    global _clients
    _clients = _Clients()


os.register_at_fork(after_in_child=_forget)
