"""``*.googleapis.com`` on this machine: a CONNECT proxy with a certificate of its own, before an emulator's REST."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path


class GoogleProxy:
    """Takes CONNECT, speaks TLS for any host of Google's APIs, and hands the plain bytes to an emulator.

    Args:
        certificate: PEM of certificate and key for ``*.googleapis.com``.
        target: host and port of the emulator.
    """

    def __init__(self, certificate: Path, target: tuple[str, int]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no connection any more."""
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            host = head.split(b" ")[1].partition(b":")[0]
            if not host.endswith(b".googleapis.com"):
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                client.close()
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            inner = self._context.wrap_socket(client, server_side=True)
            upstream = socket.create_connection(self._target)
            threading.Thread(target=_pump, args=(upstream, inner), daemon=True).start()
            _pump(inner, upstream)
        except OSError:
            client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
