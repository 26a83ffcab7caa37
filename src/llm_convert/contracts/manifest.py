"""What was crawled for a BSDA, and what kind of document each file is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Self

from llm_convert.contracts.base import Contract
from llm_convert.contracts.bsda import Bsda


class CrawledFile(Contract):
    """One file as the crawler stored it."""

    source: str
    """The source's id."""
    name: str
    """Its path below the source, NFC, with ``/``."""
    sha256: str
    size_bytes: int
    key: str
    """The object that holds its bytes."""


class ManifestEntry(Contract):
    """A crawled file and its FILE_ID."""

    file: CrawledFile
    file_id: str | None = None
    """None: no mapping rule holds; the report says so."""
    table: str | None = None
    """Set for tidy documents, which are read into this table without a model."""
    note: str = ""
    """Why it has no FILE_ID, where that is known."""


class Manifest(Contract):
    """All files of one source and BSDA. Stored as JSON lines, its own first: a source may have 100,000 files."""

    tenant: str
    bsda: Bsda
    source: str
    entries: tuple[ManifestEntry, ...]

    def to_json(self) -> bytes:
        """JSON lines: the manifest without its entries, then each of them."""
        own = self.model_copy(update={"entries": ()}).model_dump_json(exclude_none=True)
        entries = (entry.model_dump_json(exclude_none=True) for entry in self.entries)
        return "".join(f"{line}\n" for line in (own, *entries)).encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """The manifest from its own JSON lines."""
        manifest, entries = cls.read_lines(data.encode() if isinstance(data, str) else data)
        return manifest.model_copy(update={"entries": tuple(entries)})

    @classmethod
    def read_lines(cls, data: bytes) -> tuple[Self, Iterator[ManifestEntry]]:
        """The manifest without its entries, and the entries one by one: whoever keeps little of each needs no more."""
        first, _, _ = data.partition(b"\n")
        lines = (line for line in io.BytesIO(data) if line.strip())
        next(lines, None)
        return cls.model_validate_json(first), (ManifestEntry.from_json(line) for line in lines)
