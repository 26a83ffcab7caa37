"""What was crawled for a BSDA, and what kind of document each file is."""

from __future__ import annotations

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
    """All files of one source and BSDA."""

    tenant: str
    bsda: Bsda
    source: str
    entries: tuple[ManifestEntry, ...]
