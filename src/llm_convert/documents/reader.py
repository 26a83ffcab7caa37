"""The room's door: what a file is, the module that reads it, and the one place where foreign errors become ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from unicodedata import normalize

from llm_convert.contracts.document import Document, Part
from llm_convert.contracts.shown import as_name
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents import delimited, html_page, mail, pdf, picture, plain, xls, xlsx
from llm_convert.documents.kinds import Identified, identify
from llm_convert.documents.options import Contents, ReadOptions
from llm_convert.errors import LlmConvertError

_DEFAULTS = ReadOptions()
_READERS: dict[str, Callable[[str, bytes, ReadOptions], Contents]] = {
    "xlsx": xlsx.read,
    "xls": xls.read,
    "csv": delimited.read,
    "html": html_page.read,
    "pdf": pdf.read,
    "txt": plain.read,
    "image": picture.read,
    "eml": lambda name, data, options: mail.read(name, data, options, read_document),
}


def read_document(name: str, data: bytes, options: ReadOptions = _DEFAULTS) -> Document:
    """Read a file.

    Args:
        name: as it was found; parts of one-part formats are named after it, and it settles csv against txt.
        data: the whole file; ``Document.sha256`` is theirs.
        options: what is read, and the limits.

    Raises:
        WorkItemError: EMPTY_DOCUMENT, PASSWORD_PROTECTED, UNKNOWN_FORMAT, TOO_LARGE or UNREADABLE, with a detail that
            quotes nothing of the document but names of sheets and attachments.
        MissingExtraError: when a reading package is not installed; nothing else, whatever the bytes are.
    """
    name = normalize("NFC", name)
    if not data:
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "the file has no bytes")
    if len(data) > options.max_bytes:
        raise WorkItemError(
            Cause.TOO_LARGE, f"the file has {len(data):,} bytes; at most {options.max_bytes:,} are read"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    kind, contents = _translated(name, data, options)
    return Document(name=name, sha256=sha256, kind=kind, parts=_distinct(contents.parts), notes=contents.notes)


def _translated(name: str, data: bytes, options: ReadOptions) -> tuple[str, Contents]:
    """Tell and read a file. Whatever is raised that is not ours means that the file is damaged."""
    seems = "a file"
    try:
        found = identify(data, name)
        seems = found.seems
        return _read(found, name, data, options)
    except LlmConvertError:
        raise
    except MemoryError:
        raise WorkItemError(Cause.TOO_LARGE, f"there is not enough memory to read it as {seems}") from None
    except Exception as error:  # noqa: BLE001 - vendors raise anything at damaged files
        # Only the class is named: messages of parsers quote the document.
        raise WorkItemError(
            Cause.UNREADABLE, f"it begins like {seems}, but is damaged ({type(error).__name__})"
        ) from None
    except BaseException as error:
        # A panic in Rust arrives as a class that is no Exception; what stops the process must pass.
        if type(error).__name__ != "PanicException":
            raise
        raise WorkItemError(Cause.UNREADABLE, f"it begins like {seems}, but is damaged (its reader gave up)") from None


def _read(found: Identified, name: str, data: bytes, options: ReadOptions) -> tuple[str, Contents]:
    if found.locked:
        raise WorkItemError(Cause.PASSWORD_PROTECTED, f"it is {found.seems}")
    if found.kind is None:
        raise WorkItemError(Cause.UNKNOWN_FORMAT, f"it seems to be {found.seems}")
    return found.kind, _READERS[found.kind](name, data, options)


def _distinct(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts with names that differ and are one line each, since an address names its part."""
    taken: set[str] = set()
    distinct: list[Part] = []
    for part in parts:
        own = name = as_name(part.name)
        count = 1
        while name in taken:
            count += 1
            name = f"{own} ({count})"
        taken.add(name)
        distinct.append(part if name == part.name else replace(part, name=name))
    return tuple(distinct)
