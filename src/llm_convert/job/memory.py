"""Keeping a long run's memory flat."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""As malloc.h of the GNU C library has it."""


def use_one_arena() -> None:
    """Let all threads allocate from one place; nothing on a system whose C library is another.

    The GNU C library gives threads arenas of their own, and what one thread leaves free another can't take: over
    100,000 documents, each handled by whichever thread is free, that grows by a kilobyte a document. Under the
    interpreter's lock one arena is as fast as many.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
