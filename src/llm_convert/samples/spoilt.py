"""Files that cannot be read, each in another way: what a shared drive collects over the years."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from llm_convert.errors import MissingExtraError
from llm_convert.samples.profit_and_loss import profit_and_loss
from llm_convert.samples.reservations import reservations
from llm_convert.samples.weeks import WEEK_BEFORE, Week

PASSWORD = "견본"  # noqa: S105 - of a sample file; nobody is to open it
_HWP_SIGNATURE = b"HWP Document File V3.00 \x1a\x01\x02\x03\x04\x05"


def truncated(week: Week) -> bytes:  # noqa: ARG001 - every maker of the catalogue has this shape
    """A workbook whose upload broke off: a zip without its directory."""
    whole = profit_and_loss(WEEK_BEFORE)
    return whole[: len(whole) * 3 // 5]


def empty(week: Week) -> bytes:  # noqa: ARG001
    """Nothing at all."""
    return b""


def unknown(week: Week) -> bytes:
    """Bytes of a word processor that nothing here reads."""
    return _HWP_SIGNATURE + bytes(2) + week.random("unknown format").randbytes(6_000)


def locked(week: Week) -> bytes:
    """A workbook with a password. Raises MissingExtraError when msoffcrypto-tool is not installed."""
    try:
        from msoffcrypto.format.ooxml import OOXMLFile
    except ImportError:
        raise MissingExtraError("msoffcrypto-tool", "samples") from None
    plain, sealed = io.BytesIO(reservations(week)), io.BytesIO()
    with _predictable(week):
        OOXMLFile(plain).encrypt(PASSWORD, sealed)
    return sealed.getvalue()


@contextmanager
def _predictable(week: Week) -> Iterator[None]:
    """The library draws salts and keys from the system and asks the clock; here the bytes must not change."""
    from msoffcrypto.method import ecma376_agile as cipher
    from msoffcrypto.method.container import ecma376_encrypted as container

    kept = cipher._random_buffer, container.datetime2filetime
    written_at = container.datetime2filetime(week.written_at)
    cipher._random_buffer, container.datetime2filetime = week.random("locked").randbytes, lambda _: written_at
    try:
        yield
    finally:
        cipher._random_buffer, container.datetime2filetime = kept
