"""What an operating system's error means for a person: one remedy for each kind, said in one place."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_convert.errors import StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})


@contextmanager
def translated(doing: str, path: Path) -> Iterator[None]:
    """Turn every OSError of the block into a StoreError.

    Args:
        doing: the verb for the message, such as ``read``.
        path: what it was done to.
    """
    try:
        yield
    except OSError as error:
        raise store_error(error, doing=doing, path=path) from error


def store_error(error: OSError, *, doing: str, path: Path) -> StoreError:
    """The error that names the path, the system's own words and the remedy."""
    said = error.strerror or type(error).__name__
    return StoreError(f"can't {doing} {path}: {said}", remedy=_remedy(error.errno, path))


def _remedy(number: int | None, path: Path) -> str:
    folder = _nearest_folder(path)
    if number in _FULL:
        return f"Free space, or raise the quota, on the filesystem of {folder}."
    if number == errno.EPERM:
        return (
            f"Let user id {os.geteuid()} own what it writes below {folder}; if it does, that filesystem"
            " has no hard links: choose another folder in LLM_CONVERT_STORE."
        )
    if number == errno.EACCES:
        return f"Let user id {os.geteuid()} read and write {folder}, or choose another folder in LLM_CONVERT_STORE."
    if number == errno.EROFS:
        return f"Mount the filesystem of {folder} writable, or choose another folder in LLM_CONVERT_STORE."
    if number == errno.ENAMETOOLONG:
        return "Shorten the name: this filesystem takes 255 bytes a segment and 4096 a path; a Korean letter has 3."
    if number == errno.EFBIG:
        return "Raise the file size limit of this process (ulimit -f), or store smaller objects."
    if number in _TOO_MANY_FILES:
        return "Raise the limit of open files (ulimit -n), or lower LLM_CONVERT_CONCURRENCY."
    return f"Look at the disk and the mount of {folder}; then try again."


def _nearest_folder(path: Path) -> Path:
    return next((parent for parent in path.parents if _is_folder(parent)), path.parent)


def _is_folder(path: Path) -> bool:
    # A path that can't even be looked at is what this is about; it must not hide the first error by a second one.
    try:
        return path.is_dir()
    except OSError:
        return False
