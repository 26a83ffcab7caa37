"""The guard itself: a test that reaches for the outside world must fail, though its library hides the refusal."""

from __future__ import annotations

import contextlib
import socket

import pytest

from guard import guarded_connect


def test_a_refused_connection_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    strangers: list[str] = []
    monkeypatch.setattr(socket.socket, "connect", guarded_connect(socket.socket.connect, strangers))
    with socket.socket() as client, contextlib.suppress(ConnectionRefusedError):
        client.connect(("192.0.2.1", 443))
    assert strangers == ["192.0.2.1"]


def test_this_machine_may_be_reached() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
