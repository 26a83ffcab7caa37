"""Encryption keys that customers bring: a digest is kept, reading needs the same key, the bytes stay as they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.wire import Call

_KEY_BYTES = 32
_OWN = "x-goog-encryption-"
SOURCE = "x-goog-copy-source-encryption-"
"""What the headers start with that name the key of a copy's source."""


def key_in(call: Call, prefix: str = _OWN) -> dict[str, str] | None:
    """The ``customerEncryption`` that a request's headers stand for; None without a key. Raises RefusedError."""
    key, said = call.headers.get(f"{prefix}key"), call.headers.get(f"{prefix}key-sha256")
    if key is None:
        return None
    if call.headers.get(f"{prefix}algorithm") != "AES256":
        raise invalid("The encryption algorithm must be AES256.")
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raw = b""
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    if len(raw) != _KEY_BYTES or said != digest:
        raise invalid(f"The encryption key must be {_KEY_BYTES} bytes in base64, with their SHA256 beside it.")
    return {"encryptionAlgorithm": "AES256", "keySha256": digest}


def encryption(call: Call) -> dict[str, Any]:
    """The settings of an object that this request writes."""
    key = key_in(call)
    return {"customerEncryption": key} if key else {}


def check_key(version: ObjectVersion, call: Call, prefix: str = _OWN) -> None:
    """Raises RefusedError: the request does not bring the key that the version was written with."""
    wanted, brought = version.settings.get("customerEncryption"), key_in(call, prefix)
    if wanted == brought:
        return
    if wanted is None:
        said = "The target object is not encrypted by a customer-supplied encryption key."
        raise RefusedError(400, "resourceNotEncryptedWithCustomerEncryptionKey", said)
    if brought is None:
        said = "The target object is encrypted by a customer-supplied encryption key."
        raise RefusedError(400, "resourceIsEncryptedWithCustomerEncryptionKey", said)
    said = "The provided encryption key is incorrect for the target object."
    raise RefusedError(400, "customerEncryptionKeyIsIncorrect", said)
