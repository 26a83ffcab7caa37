"""Pieces of XML answers."""

from __future__ import annotations

import base64
from xml.sax.saxutils import escape

from llm_convert.testing.emulators.gcs.records import ObjectVersion


def element(name: str, text: object) -> str:
    """One element with text in it."""
    return f"<{name}>{escape(str(text))}</{name}>"


def entity_tag(version: ObjectVersion) -> str:
    """Quoted: the MD5 in hexadecimal, or an opaque text for what was composed."""
    tag = base64.b64decode(version.md5).hex() if version.md5 else version.etag
    return f'"{tag}"'
