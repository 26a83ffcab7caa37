"""Checksums as the service writes them: base64 of the big-endian bytes."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable

_CASTAGNOLI = 0x82F63B78


def md5_of(data: bytes) -> str:
    """The MD5, 24 characters."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def crc32c_of(data: bytes) -> str:
    """The CRC32C (Castagnoli), 8 characters."""
    return base64.b64encode(_checksum()(data).to_bytes(4, "big")).decode()


@functools.cache
def _checksum() -> Callable[[bytes], int]:
    try:
        import google_crc32c
    except ModuleNotFoundError:
        # Every client of Google's brings the fast one along; a bare HTTP client gets a slow and equal one.
        return crc32c_in_python
    value: Callable[[bytes], int] = google_crc32c.value
    return value


def crc32c_in_python(data: bytes) -> int:
    """The CRC32C of some bytes, about two million of them a second."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (_CASTAGNOLI if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)
