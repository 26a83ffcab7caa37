"""Files and folders so that a killed process or a power cut leaves all of a write, or nothing."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFT_OVER_SECONDS = 86_400
"""A temporary file that is older than this has no writer any more."""


class StagedFile:
    """A temporary file, open and whole on the disk, that has no name among the objects yet."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.moved = False

    def stamped(self, time_ns: int) -> os.stat_result:
        """Its status with this time of modification."""
        os.utime(self._descriptor, ns=(time_ns, time_ns))
        return os.fstat(self._descriptor)

    def link_to(self, target: str) -> None:
        """Give it this name. Raises FileExistsError where that is taken, FileNotFoundError without its folder."""
        os.link(self.path, target)

    def move_to(self, target: str) -> None:
        """Give it this name, in the place of what has it."""
        os.replace(self.path, target)  # noqa: PTH105 - this module speaks to the system in texts and descriptors
        self.moved = True


@contextmanager
def staged(folder: str, data: bytes) -> Iterator[StagedFile]:
    """A temporary file that holds all of the data, on the disk. It is gone after the block unless it was moved.

    Few words to the system: with many threads each of them is a chance to lose the interpreter to another.
    """
    path = f"{folder}/{uuid.uuid4().hex}"
    descriptor = _open_new(path)
    file = StagedFile(path, descriptor)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
        yield file
    finally:
        os.close(descriptor)
        if not file.moved:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108


def _open_new(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        make_folders(Path(path).parent)
        return os.open(path, flags, 0o666)


def make_folders(folder: Path) -> None:
    """``mkdir -p`` whose folders outlive a power cut. Raises FileExistsError where a file is in the way."""
    try:
        folder.mkdir()
    except FileExistsError:
        if folder.is_dir():
            return
        raise
    except FileNotFoundError:
        make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk; nothing where the folder is gone or the filesystem knows no such thing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def prune(folder: Path, *, root: Path) -> None:
    """Remove a folder and those above it while they are empty; never the root."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder if no file is in it at any depth: all that a writer leaves that was killed too early."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left. What can't be removed is left: it harms nobody."""
    oldest = time.time() - LEFT_OVER_SECONDS
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
