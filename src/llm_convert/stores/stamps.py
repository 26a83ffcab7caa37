"""Locks by key, and the stamps that tell one write of a key from every other.

A file's inode and the kernel's clock do not: a freed inode is taken by the next file, and the kernel's clock ticks
every few milliseconds, so two writes can look the same. Here every write of a key gets a time that is greater than that
of the write before it, under the key's lock; the last time given is the lock file's own modification time, which is set
atomically and needs no space on the disk.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_convert.errors import StoreError

_STEP_NS = 1_000
"""Stamps are whole microseconds: NTFS keeps times in units of 100 ns, and would cut off what is finer."""


class KeyLocks:
    """256 lock files for all keys. They are never deleted: a lock on a deleted file excludes nobody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exact = False
        """Whether this filesystem was seen to keep times as exactly as stamps need it."""

    @contextmanager
    def held(self, key: str) -> Iterator[KeyLock]:
        """The lock of a key, waited for. It excludes threads and processes alike, and ends with its process."""
        # Opened anew each time: flock belongs to an open file, so threads that share one do not exclude each other.
        descriptor = self._opened(f"{self._folder}/{hashlib.sha256(key.encode()).hexdigest()[:2]}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield KeyLock(descriptor, self)
        finally:
            # Said and not left to the close: a process forked meanwhile holds this open file too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def check_kept(self, descriptor: int, stamp_ns: int) -> None:
        """Once: that a time given to a file is the time that it then has.

        Raises:
            StoreError: when the filesystem does not keep times to the microsecond.
        """
        if self._exact:
            return
        kept = os.fstat(descriptor).st_mtime_ns
        if kept != stamp_ns:
            raise StoreError(
                f"the filesystem of {self._folder} keeps time {stamp_ns} ns as {kept} ns: versions could not be told"
                " apart",
                remedy="Put the store on a filesystem that keeps microseconds, such as ext4, xfs or apfs.",
            )
        self._exact = True

    def _opened(self, path: str) -> int:
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o666)


class KeyLock:
    """A lock that is held."""

    def __init__(self, descriptor: int, locks: KeyLocks) -> None:
        self._descriptor = descriptor
        self._locks = locks

    def next_stamp_ns(self) -> int:
        """A unix time in nanoseconds, greater than any given before under this lock; the present where that is so.

        Raises:
            StoreError: as ``KeyLocks.check_kept``.
        """
        last = os.fstat(self._descriptor).st_mtime_ns
        stamp = max(time.time_ns() // _STEP_NS, last // _STEP_NS + 1) * _STEP_NS
        os.utime(self._descriptor, ns=(stamp, stamp))
        self._locks.check_kept(self._descriptor, stamp)
        return stamp
