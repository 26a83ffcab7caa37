"""A zip whose unpacked size is counted while it unpacks: the sizes that it declares are a claim."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from llm_convert.contracts.work import Cause, WorkItemError

_CHUNK_BYTES = 1 << 20
_PACKED_BYTES = 1 << 14
_MAX_MEMBERS = 20_000
_LOCAL_HEADER_BYTES = 30


class Archive:
    """Members of a zip in memory.

    Args:
        data: the zip.
        limit_bytes: what all members together may unpack to.

    Raises:
        WorkItemError: TOO_LARGE when the directory alone declares more; PASSWORD_PROTECTED for an encrypted member.
        zipfile.BadZipFile: for a damaged one.
    """

    def __init__(self, data: bytes, limit_bytes: int) -> None:
        self._data = data
        self._limit = limit_bytes
        self._unpacked: dict[str, int] = {}
        with zipfile.ZipFile(io.BytesIO(data)) as directory:
            members = directory.infolist()
        if len(members) > _MAX_MEMBERS:
            raise WorkItemError(
                Cause.TOO_LARGE, f"the file holds {len(members):,} members; at most {_MAX_MEMBERS:,} are read"
            )
        if any(member.flag_bits & 1 for member in members):
            raise WorkItemError(Cause.PASSWORD_PROTECTED, "the file's members are encrypted")
        self._check(sum(member.file_size for member in members))
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise zipfile.BadZipFile("two members have the same name")

    @property
    def names(self) -> list[str]:
        """Names of the members, in the directory's order."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """A member's bytes; empty when there is none of this name."""
        return b"".join(self.chunks(name)) if name in self._members else b""

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's bytes in pieces of about a megabyte.

        Raises:
            WorkItemError: TOO_LARGE as soon as all that was unpacked exceeds the limit.
        """
        member = self._members[name]
        raw = self._raw(member)
        pieces = _stored(raw) if member.compress_type == zipfile.ZIP_STORED else _inflated(raw)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile("a member is packed by a method that workbooks do not use")
        others = sum(size for other, size in self._unpacked.items() if other != name)
        total = 0
        for piece in pieces:
            total += len(piece)
            self._unpacked[name] = max(total, self._unpacked.get(name, 0))
            self._check(others + total)
            yield piece

    def _raw(self, member: zipfile.ZipInfo) -> memoryview:
        start = member.header_offset + _LOCAL_HEADER_BYTES
        if self._data[member.header_offset : member.header_offset + 4] != b"PK\x03\x04" or start > len(self._data):
            raise zipfile.BadZipFile("a member is not where the directory says")
        name_length, extra_length = struct.unpack_from("<HH", self._data, start - 4)
        start += name_length + extra_length
        return memoryview(self._data)[start : start + member.compress_size]

    def _check(self, unpacked: int) -> None:
        if unpacked > self._limit:
            raise WorkItemError(Cause.TOO_LARGE, f"the file unpacks to more than {self._limit:,} bytes")


def _stored(raw: memoryview) -> Iterator[bytes]:
    for start in range(0, len(raw), _CHUNK_BYTES):
        yield bytes(raw[start : start + _CHUNK_BYTES])


def _inflated(raw: memoryview) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for packed in _stored(raw):
        # Small pieces in, bounded pieces out: what is not yet unpacked is copied at every step.
        for start in range(0, len(packed), _PACKED_BYTES):
            pending = packed[start : start + _PACKED_BYTES]
            while pending and not inflate.eof:
                yield inflate.decompress(pending, _CHUNK_BYTES)
                pending = inflate.unconsumed_tail
    while not inflate.eof and (piece := inflate.decompress(b"", _CHUNK_BYTES)):
        yield piece
    if not inflate.eof:
        raise zipfile.BadZipFile("a member is cut off")
