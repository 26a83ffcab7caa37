"""Which keys an object store takes: the rules that hold whatever it is made of."""

from __future__ import annotations

from llm_convert.errors import StoreError

_RESERVED_SEGMENTS = frozenset({"", ".", ".."})


def fault_of(key: str) -> str:
    """What is wrong with a key, in words; empty when nothing is."""
    if "\0" in key:
        return "it holds a NUL"
    if not _is_unicode(key):
        return "it is not valid Unicode"
    segments = key.split("/")
    if _RESERVED_SEGMENTS.isdisjoint(segments):
        return ""
    segment = next(s for s in segments if s in _RESERVED_SEGMENTS)
    return f"its segment {segment!r} is none" if segment else "it has an empty segment"


def check_key(key: str) -> None:
    """Refuse a key that could lead out of the store, or that no store could hold.

    Raises:
        StoreError: with the key and what is wrong with it.
    """
    fault = fault_of(key)
    if fault:
        raise StoreError(
            f"the key {key!r} can't be stored: {fault}",
            remedy="Use '/' between segments, none of them empty, '.' or '..', and none at the ends.",
        )


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    # A file name that is no UTF-8 comes from the operating system with lone surrogates in it.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
