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


@contextmanager
def staged(folder: Path, data: bytes) -> Iterator[Path]:
    """A temporary file that holds all of the data, on the disk. It is gone after the block unless it was moved away."""
    make_folders(folder)
    path = folder / uuid.uuid4().hex
    try:
        with path.open("xb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def make_folders(folder: Path) -> None:
    """``mkdir -p`` whose folders outlive a power cut. Raises FileExistsError where a file is in the way."""
    if folder.is_dir():
        return
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
