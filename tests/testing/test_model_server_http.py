"""The model server's HTTP, by a bare socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from model_wire import ASK, ROWS

from llm_convert.testing.model_server import Dials, ModelServer

BODY = json.dumps({"anthropic_version": "v", **ASK}).encode()
PATH = "/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-6:rawPredict"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS) as running:
        yield running


@pytest.fixture
def line(server: ModelServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5) as opened:
        yield opened


def request(*more: str, version: str = "1.1", length: int | None = None) -> bytes:
    lines = [f"POST {PATH} HTTP/{version}", "Authorization: Bearer t", f"content-length: {length or len(BODY)}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def read_until(line: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        piece = line.recv(65536)
        if not piece:
            break
        found += piece
    return found


def test_requests_in_pieces_and_several_at_once(server: ModelServer, line: socket.socket) -> None:
    whole = request() + BODY
    for at in range(0, len(whole), 7):
        line.sendall(whole[at : at + 7])
    assert read_until(line, b'"output_tokens"').startswith(b"HTTP/1.1 200 OK\r\n")
    line.sendall(whole * 3)
    found = b""
    while found.count(b'"output_tokens"') < 3:
        found += line.recv(65536)
    assert server.received == 4
    assert server.peak_in_flight == 1, "one after the other"


def test_a_large_body_is_announced_first(line: socket.socket) -> None:
    line.sendall(request("Expect: 100-continue"))
    assert read_until(line, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.sendall(BODY)
    assert b"200 OK" in read_until(line, b'"output_tokens"')


@pytest.mark.parametrize(("more", "version"), [(("Connection: close",), "1.1"), ((), "1.0")])
def test_a_connection_is_closed_when_asked(line: socket.socket, more: tuple[str, ...], version: str) -> None:
    line.sendall(request(*more, version=version) + BODY)
    answer = read_until(line, b"never")
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n\r\n", request("Transfer-Encoding: chunked"), b"GET / HTTP/1.1\r\nx:" + b"y" * 70_000]
)
def test_what_is_no_request_ends_the_connection(line: socket.socket, said: bytes) -> None:
    line.sendall(said)
    assert read_until(line, b"never").startswith(b"HTTP/1.1 400 ")


def test_other_paths_are_not_found(line: socket.socket) -> None:
    line.sendall(b"GET /nothing HTTP/1.1\r\n\r\n")
    assert read_until(line, b"NOT_FOUND").startswith(b"HTTP/1.1 404 ")


def test_who_waits_costs_no_thread(server: ModelServer) -> None:
    server.dials = Dials(latency_seconds=0.3)
    before = threading.active_count()
    port = int(server.url.rpartition(":")[2])
    lines = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(100)]
    for line in lines:
        line.sendall(request() + BODY)
    while server.received < 100:
        time.sleep(0.005)
    assert threading.active_count() == before
    for line in lines:
        assert b"200 OK" in read_until(line, b'"output_tokens"')
        line.close()
    assert server.peak_in_flight == 100


def test_an_answer_that_blocks_does_not_hold_the_others(server: ModelServer) -> None:
    gate = threading.Barrier(8, timeout=5)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        gate.wait()
        return ROWS

    server.answer_with = answer
    port = int(server.url.rpartition(":")[2])
    lines = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(8)]
    for line in lines:
        line.sendall(request() + BODY)
    for line in lines:
        assert b"200 OK" in read_until(line, b'"output_tokens"')
        line.close()


def test_stopping_twice_or_before_the_start_is_fine() -> None:
    server = ModelServer()
    server.stop()
    server.stop()
