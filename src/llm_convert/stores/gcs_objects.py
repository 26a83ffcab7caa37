"""What goes over the wire for one object: its name, its version, its checksum, its bytes."""

from __future__ import annotations

import base64
import io
import mimetypes
from typing import TYPE_CHECKING, Any

from llm_convert.errors import PreconditionFailedError, StoreError
from llm_convert.stores.keys import check_key, fault_of

if TYPE_CHECKING:
    from google.cloud.storage import Blob  # type: ignore[import-untyped]

MAX_NAME_BYTES = 1024
TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and between two reads."""


def name_of(below: str, key: str) -> str:
    """The object's name: the store's prefix, with its slash, and the key.

    Raises:
        StoreError: the key is none, or Cloud Storage takes no such name.
    """
    check_key(key)
    name = below + key
    size_bytes = len(name.encode())
    if "\r" in name or "\n" in name:
        raise StoreError(
            f"the key {key!r} can't be stored: Cloud Storage takes no line breaks in names", remedy="Rename it."
        )
    if size_bytes > MAX_NAME_BYTES:
        raise StoreError(
            f"the key {key[:20]!r}... can't be stored: with its prefix it has {size_bytes} bytes in UTF-8",
            remedy=f"Shorten the name to {MAX_NAME_BYTES} bytes; a Korean letter has 3.",
        )
    return name


def could_start_a_key(prefix: str) -> bool:
    """Whether a listing by this text can find anything."""
    # The last segment may still grow: of it only the characters count, and of an empty one nothing.
    folder, slash, last = prefix.rpartition("/")
    return not fault_of(f"{folder}{slash}x{last}")


def upload(blob: Blob, data: bytes, generation: int, *, retry: Any) -> None:
    """Write the bytes over this generation, 0 being none. Raises what Google's client raises."""
    blob.upload_from_file(
        io.BytesIO(data),
        size=len(data),
        content_type=mimetypes.guess_type(blob.name)[0] or "application/octet-stream",
        if_generation_match=generation,
        checksum=None,
        timeout=TIMEOUT_SECONDS,
        retry=retry,
    )


def crc32c_of(data: bytes) -> str:
    """The checksum as object metadata states it."""
    import google_crc32c

    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def version_of(blob: Blob) -> str:
    """The version of an object: its generation."""
    if blob.generation is None:
        raise StoreError(f"Cloud Storage told no generation of {blob.name!r}", remedy="Use a server that does.")
    return str(blob.generation)


def generation_of(version: str, key: str) -> int:
    """The generation of a version. Raises PreconditionFailedError for what no object's version can be."""
    # 0 would mean 'no object' and must never come from a caller.
    if not (version.isascii() and version.isdigit() and int(version) > 0):
        raise PreconditionFailedError(key, f"version {version}")
    return int(version)
