"""Pictures that a model can look at. They are told by their first bytes and handed on as they are, never opened."""

from __future__ import annotations

from llm_convert.contracts.document import Image
from llm_convert.documents.options import Contents, ReadOptions


def media_type(data: bytes) -> str | None:
    """``image/png``, ``image/jpeg``, ``image/gif`` or ``image/webp``; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """One Image, named after the file."""
    return Contents(parts=(Image(name=name or "image", media_type=media_type(data) or "image/png", data=data),))
