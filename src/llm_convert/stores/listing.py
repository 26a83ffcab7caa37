"""Walking a folder as a sorted list of keys. It never fails because something vanishes under it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from llm_convert.ports import ObjectInfo
from llm_convert.stores.keys import fault_of


def version_of(status: os.stat_result) -> str:
    """The version of a file. Its time alone tells our own writes apart; inode and size show an editor's."""
    return f"{status.st_mtime_ns}-{status.st_ino}-{status.st_size}"


def walk(root: Path, folder: str, prefix: str, *, without: str) -> Iterator[ObjectInfo]:
    """The objects below a folder whose keys start with a prefix, in the order of their keys' UTF-8 bytes.

    Args:
        root: of the store.
        folder: a key's leading segments; empty for the root.
        prefix: text; it starts with the folder.
        without: a folder of the root that holds no objects.
    """
    for name, entry in _entries(root / folder):
        key = f"{folder}/{name}" if folder else name
        if key == f"{without}/":
            continue
        if name.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from walk(root, key.removesuffix("/"), prefix, without=without)
        elif key.startswith(prefix):
            info = _info(entry, key)
            if info is not None:
                yield info


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Names in the order of their bytes, in which a folder counts with its slash: ``a.b``, ``a/``, ``a0``."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name + "/" * entry.is_dir(follow_symlinks=False), entry) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return
    keys = (pair for pair in found if not fault_of(pair[0].rstrip("/")))
    yield from sorted(keys, key=lambda pair: pair[0].encode())


def _info(entry: os.DirEntry[str], key: str) -> ObjectInfo | None:
    try:
        status = entry.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    updated = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(key=key, size_bytes=status.st_size, version=version_of(status), updated_at=updated)
