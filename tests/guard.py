"""What keeps tests on this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any


def guarded_connect(connect: Callable[..., Any], strangers: list[str]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
            strangers.append(address[0])
            raise ConnectionRefusedError(f"tests may reach this machine alone, not {address[0]}")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
