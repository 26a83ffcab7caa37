"""Objects as files below one folder, which a person can read with ``ls`` and ``cat``.

The key is the path. What is not an object lies below ``.store``: temporary files and locks. An object is written whole
to a temporary file, put on the disk, and only then linked to its name, which fails when the name is taken: there is no
moment at which a reader could see a part of it, and none at which two creators could both believe they were first.

One thing that other stores can do, files can't: be a file and a folder. ``a`` and ``a/b`` never exist at once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_convert.contracts.urls import path_of, url_of
from llm_convert.errors import ObjectNotFoundError, PreconditionFailedError, StoreError
from llm_convert.ports import ObjectInfo, StoredObject
from llm_convert.stores.faults import store_error, translated
from llm_convert.stores.files import StagedFile, make_folders, prune, remove_empty_folders, staged, sweep, sync_folder
from llm_convert.stores.keys import check_key, fault_of
from llm_convert.stores.listing import version_of, walk
from llm_convert.stores.stamps import KeyLock, KeyLocks

PRIVATE = ".store"
"""The folder below the root for what is no object; no key starts with it."""
MAX_SEGMENT_BYTES = 255
_LINK_TRIES = 100


class LocalObjectStore:
    """An object store in a folder of this machine. Any number of threads and processes may share it.

    Args:
        root: the folder; it is made by the first write.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._root_text = str(self._root)
        self._temporary = str(self._root / PRIVATE / "tmp")
        self._locks = KeyLocks(self._root / PRIVATE / "locks")
        sweep(Path(self._temporary))

    @classmethod
    def from_url(cls, url: str) -> LocalObjectStore:
        """The store of a ``file:///absolute/path`` URL. Raises ConfigurationError for any other URL."""
        return cls(path_of(url))

    @property
    def url(self) -> str:
        """``file:///absolute/path``, without a trailing slash."""
        return url_of("file", self._root)

    def read(self, key: str) -> StoredObject:
        """The object's bytes. Raises ObjectNotFoundError."""
        _check(key)
        # As text: a job reads far more often than it writes, and mostly to find nothing there.
        place = f"{self._root_text}/{key}"
        try:
            with open(place, "rb", buffering=0) as file:  # noqa: PTH123
                return StoredObject(version=version_of(os.fstat(file.fileno())), data=file.readall())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectNotFoundError(key) from None
        except OSError as error:
            raise store_error(error, doing="read", path=Path(place)) from error

    def create(self, key: str, data: bytes) -> str:
        """Write only if absent; the new version. Raises PreconditionFailedError when the key exists."""
        path = self._path(key)
        with translated("write", path):
            if path.is_file():
                # Only spares the work: it is the link below that decides.
                raise PreconditionFailedError(key, "no object")
        with self._writing(key, path, data) as (file, lock):
            version = version_of(file.stamped(lock.next_stamp_ns()))
            _link(file, path, key)
        with translated("write", path):
            sync_folder(path.parent)
        return version

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        """Write only over this version; the new version. Raises PreconditionFailedError, also when the key is gone."""
        path = self._path(key)
        with self._writing(key, path, data) as (file, lock):
            _expect(path, key, if_version)
            version = version_of(file.stamped(lock.next_stamp_ns()))
            file.move_to(str(path))
        return version

    def delete(self, key: str, *, if_version: str) -> None:
        """Delete only this version. Raises PreconditionFailedError, also when the key is gone."""
        path = self._path(key)
        with translated("delete", path), self._locks.held(key):
            _expect(path, key, if_version)
            path.unlink()
            prune(path.parent, root=self._root)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose keys start with this text, in the order of their keys' UTF-8 bytes.

        What vanishes while the listing is under way is left out.
        """
        folder = prefix.rpartition("/")[0]
        if (folder and fault_of(folder)) or "\0" in prefix or prefix.startswith(("/", f"{PRIVATE}/")):
            return
        with translated("list", self._root / folder):
            yield from walk(self._root, folder, prefix, without=PRIVATE)

    def locate(self, key: str) -> str:
        """The object's ``file://`` URL, Korean as it is written; ``contracts.urls.path_of`` gives the path back."""
        return url_of("file", self._path(key))

    def _path(self, key: str) -> Path:
        _check(key)
        return self._root / key

    @contextmanager
    def _writing(self, key: str, path: Path, data: bytes) -> Iterator[tuple[StagedFile, KeyLock]]:
        # All waiting for the disk is done before and after the lock: it is held for microseconds. A folder is put on
        # the disk for what was created alone: after a power cut an object may have its last state but one, or be there
        # again, as one that a dead process left; that a paid reply is kept is what must never be in question.
        with (
            translated("write", path),
            staged(self._temporary, data) as file,
            self._locks.held(key) as lock,
        ):
            yield file, lock


def _check(key: str) -> None:
    """Raise StoreError for a key that is none, or that no file can have for its name."""
    check_key(key)
    if key.startswith(f"{PRIVATE}/") or key == PRIVATE:
        raise StoreError(
            f"the key {key!r} can't be stored: {PRIVATE!r} is the store's own folder", remedy="Use another name."
        )
    for segment in key.split("/"):
        size_bytes = len(segment.encode())
        if size_bytes > MAX_SEGMENT_BYTES:
            raise StoreError(
                f"the key {key!r} can't be stored: its segment {segment[:20]!r}... has {size_bytes} bytes in UTF-8",
                remedy=f"Shorten the name to {MAX_SEGMENT_BYTES} bytes; a Korean letter has 3.",
            )


def _expect(path: Path, key: str, version: str) -> None:
    """Raise PreconditionFailedError unless the key holds this version; only of use under the key's lock."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise PreconditionFailedError(key, f"version {version}, found none") from None
    found = version_of(status)
    if not stat.S_ISREG(status.st_mode) or found != version:
        raise PreconditionFailedError(key, f"version {version}, found {found}")


def _link(file: StagedFile, path: Path, key: str) -> None:
    for _ in range(_LINK_TRIES):
        try:
            _link_below_folders(file, path)
            return
        except FileNotFoundError:
            # A neighbour's delete removed the empty folder before our link.
            continue
        except (FileExistsError, NotADirectoryError):
            if path.is_file():
                raise PreconditionFailedError(key, "no object") from None
            _refuse_clash(path, key)
    raise StoreError(
        f"can't write {path}: its folder vanished {_LINK_TRIES} times", remedy="Stop what deletes folders there."
    )


def _link_below_folders(file: StagedFile, path: Path) -> None:
    name = str(path)
    try:
        file.link_to(name)
    except FileNotFoundError:
        make_folders(path.parent)
        file.link_to(name)


def _refuse_clash(path: Path, key: str) -> None:
    """Raise when files can't hold this key beside the ones there are; return when nothing is in the way any more."""
    blocking = next((parent for parent in path.parents if parent.is_file()), None)
    if path.is_dir():
        remove_empty_folders(path)
    if blocking is None and not path.is_dir():
        return
    found = f"{blocking} is an object" if blocking else "other objects lie below it"
    raise StoreError(
        f"the key {key!r} can't be stored: {found}, and a file can't be a folder too",
        remedy="Use another key for one of them.",
    )
