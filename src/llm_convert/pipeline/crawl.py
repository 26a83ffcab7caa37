"""crawler: takes a source's documents into the landing zone, byte for byte, each once."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llm_convert.contracts import keys
from llm_convert.contracts.manifest import CrawledFile, Manifest, ManifestEntry
from llm_convert.contracts.shown import as_name, one_line
from llm_convert.contracts.tenant import Source
from llm_convert.errors import ConfigurationError, PreconditionFailedError, StoreError
from llm_convert.objects import overwrite
from llm_convert.pipeline.context import StepContext

log = logging.getLogger(__name__)

_SEGMENT_BYTES = 255
"""Of one file's name, as file systems have it."""
_PATH_BYTES = 700
"""Of a whole path within a key, in UTF-8: Cloud Storage takes names of 1,024 bytes, with all that stands before it."""
_DIGEST_DIGITS = 16


def crawl(context: StepContext) -> dict[str, int]:
    """Take the source's documents for this BSDA.

    With ``take: new`` a document whose bytes an earlier BSDA took is left alone; the same BSDA again takes the same.

    Returns:
        Counts: ``files``, ``new`` (landed now), ``taken_before`` (left to an earlier BSDA).

    Raises:
        ConfigurationError: the source's folder is not there.
        StoreError: a file or a folder can't be read now.
    """
    landed, new, before = [], 0, 0
    for name, path in _files(_folder(context)):
        data = _read(path)
        sha256 = hashlib.sha256(data).hexdigest()
        if context.source.take == "new" and not _take(context, sha256):
            before += 1
            continue
        key = keys.landing(context.tenant, context.source.id, context.bsda, _in_key(name))
        new += overwrite(context.store, key, data)
        landed.append(CrawledFile(source=context.source.id, name=name, sha256=sha256, size_bytes=len(data), key=key))
    manifest = Manifest(
        tenant=context.tenant,
        bsda=context.bsda,
        source=context.source.id,
        entries=tuple(ManifestEntry(file=file) for file in landed),
    )
    overwrite(context.store, keys.crawled(context.tenant, context.bsda, context.source.id), manifest.to_json())
    return {"files": len(landed), "new": new, "taken_before": before}


def folder_of(source: Source, home: Path) -> Path:
    """The folder that a source's URL names; relative ones start at the settings' home."""
    assert source.url is not None
    parts = urlsplit(source.url)
    if parts.scheme not in {"", "file"}:
        raise ConfigurationError(f"the crawler can't read {source.url!r}", remedy="Give a folder or a file:// URL.")
    return home / unquote(parts.path)


def _folder(context: StepContext) -> Path:
    if context.source.url is None:
        raise ConfigurationError(f"source {context.branch!r} has no url to crawl")
    folder = folder_of(context.source, context.settings.home)
    if not folder.is_dir():
        raise ConfigurationError(
            f"the folder {folder} of source {context.branch!r} does not exist",
            remedy="Create it, or change the source's url.",
        )
    return folder


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below the folder by its name, sorted, but hidden files and lock files of office programs.

    A name is in NFC, on one line and valid Unicode, since keys, logs and tables hold it; names that are the same then
    are numbered.
    """
    home = folder.resolve()
    found = sorted(
        ("/".join(map(_segment, path.relative_to(folder).parts)), path)
        for path in _paths(folder)
        if _is_own(path, home)
    )
    # Two names may be the same only as a key has them: then a file must not be called as a folder is.
    taken = {name[:at] for name, _ in found for at, letter in enumerate(name) if letter == "/"}
    for name, path in found:
        yield _numbered(name, taken), path


def _paths(folder: Path) -> Iterator[Path]:
    """Everything below the folder that is no folder, hidden or a lock; what can't be listed is told and left out."""
    left = [folder]
    # Not by recursion: a path may have more folders than the interpreter has frames.
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError as error:
            _tell_unreachable(error)
            continue
        for entry in entries:
            if entry.name.startswith((".", "~$")):
                continue
            if _is_folder(entry):
                left.append(Path(entry.path))
            else:
                yield Path(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        # Some file systems must be asked for each; what can't be asked is told when it is looked at as a file.
        return False


def _is_own(path: Path, home: Path) -> bool:
    """Whether it is a file, and not by a link that leads into another tenant's folder."""
    try:
        return path.is_file() and path.resolve().is_relative_to(home)
    except OSError as error:
        _tell_unreachable(error)
        return False


def _tell_unreachable(error: OSError) -> None:
    """What this process may never open is left out, and all else is crawled.

    Raises:
        StoreError: for any other fault: the next try may find all, so this one must not end as if it had.
    """
    name = as_name(Path(str(error.filename)).name)
    if error.errno not in {errno.ENAMETOOLONG, errno.EACCES}:
        raise StoreError(f"{name} can't be listed: {error.strerror}", remedy="Run it again.") from None
    log.warning(
        "%s can't be reached, and nothing in it is crawled: %s. Shorten its path, or let the crawler read it.",
        name,
        error.strerror,
    )


def _segment(part: str) -> str:
    """A file's or folder's name as a key may hold it."""
    name = one_line(unicodedata.normalize("NFC", part)).strip()
    if name in {"", ".", ".."}:
        return "unnamed"
    if len(name.encode()) <= _SEGMENT_BYTES:
        return name
    # Bytes that are no UTF-8 have grown; the ending still says what it is.
    return name.encode()[: _SEGMENT_BYTES - 20].decode(errors="ignore") + name[-4:]


def _in_key(name: str) -> str:
    """A document's name as its key holds it: what no store could keep is a digest of the whole and the name's end."""
    fits = all(len(segment.encode()) <= _SEGMENT_BYTES for segment in name.split("/"))
    if fits and len(name.encode()) <= _PATH_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_DIGITS]
    end = name.rpartition("/")[2].encode()[_DIGEST_DIGITS + 1 - _SEGMENT_BYTES :].decode(errors="ignore")
    return f"{digest}-{end}"


def _numbered(name: str, taken: set[str]) -> str:
    stem, dot, ending = name.rpartition(".")
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{stem} ({count}){dot}{ending}" if stem else f"{name} ({count})"
    taken.add(free)
    return free


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path.name} can't be read: {error.strerror}", remedy="Check the file's permissions."
        ) from None


def _take(context: StepContext, sha256: str) -> bool:
    """Whether this BSDA may take the document: it is the first to ask, or it was the first before."""
    key = keys.taken(context.tenant, context.source.id, sha256)
    try:
        context.store.create(key, json.dumps({"bsda": context.bsda}).encode())
    except PreconditionFailedError:
        return bool(json.loads(context.store.read(key).data)["bsda"] == context.bsda)
    return True
