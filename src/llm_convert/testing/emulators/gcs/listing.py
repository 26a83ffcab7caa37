"""Pages of a listing: names and, with a delimiter, the common prefixes beneath the given one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.wire import Call

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked for. Texts are compared by their UTF-8 bytes."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    """The first name that may come."""
    end: str = ""
    """The first name that may no more come; empty: no end."""
    versions: bool = False
    trailing_delimiter: bool = False
    """What ends in the first delimiter comes as an item too."""
    glob: str = ""
    limit: int = MAX_PAGE
    after: str = ""
    """A page token."""

    @staticmethod
    def of(call: Call) -> Query:
        """From a JSON API request. Raises RefusedError."""
        limit = call.number("maxResults")
        if call.text("filter"):
            # Passed over it would list what the caller did not ask for.
            raise RefusedError(501, "notImplemented", "This emulator does not implement filter in listings.")
        if limit is not None and limit < 0:
            raise invalid(f"Invalid value for maxResults: {limit}", "maxResults")
        return Query(
            prefix=call.text("prefix"),
            delimiter=call.text("delimiter"),
            start=call.text("startOffset"),
            end=call.text("endOffset"),
            versions=call.flag("versions"),
            trailing_delimiter=call.flag("includeTrailingDelimiter"),
            glob=call.text("matchGlob"),
            limit=min(limit or MAX_PAGE, MAX_PAGE),
            after=call.text("pageToken"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer."""

    items: tuple[ObjectVersion, ...]
    prefixes: tuple[str, ...]
    next_token: str
    """Empty on the last page."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A prefix, or a version when there is one."""

    name: str
    version: ObjectVersion | None

    @property
    def position(self) -> tuple[bytes, int]:
        return self.name.encode(), self.version.generation if self.version else 0


def page(versions: Iterable[ObjectVersion], query: Query) -> Page:
    """The page that a query asks for; items and prefixes together fill it.

    Args:
        versions: in the order of names and generations.
        query: what is asked for.

    Raises:
        RefusedError: the page token is none of ours, or the glob can't be read.
    """
    entries = sorted(_entries(versions, query), key=lambda entry: entry.position)
    if query.after:
        after = _position_of(query.after)
        entries = [entry for entry in entries if entry.position > after]
    shown = entries[: query.limit]
    return Page(
        items=tuple(entry.version for entry in shown if entry.version is not None),
        prefixes=tuple(entry.name for entry in shown if entry.version is None),
        next_token=_token_of(shown[-1].position) if len(entries) > len(shown) else "",
    )


def _entries(versions: Iterable[ObjectVersion], query: Query) -> Iterator[_Entry]:
    prefixes: set[str] = set()
    pattern = _pattern_of(query.glob) if query.glob else None
    for version in versions:
        name = version.name
        if not _within(version, query) or (pattern is not None and not pattern.fullmatch(name)):
            continue
        at = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if at < 0:
            yield _Entry(name, version)
            continue
        folder = name[: at + len(query.delimiter)]
        if folder not in prefixes:
            prefixes.add(folder)
            yield _Entry(folder, None)
        if query.trailing_delimiter and name == folder:
            yield _Entry(name, version)


def _within(version: ObjectVersion, query: Query) -> bool:
    name = version.name.encode()
    return (
        (query.versions or version.time_deleted is None)
        and version.name.startswith(query.prefix)
        and name >= query.start.encode()
        and (not query.end or name < query.end.encode())
    )


def _token_of(position: tuple[bytes, int]) -> str:
    name, generation = position
    return base64.urlsafe_b64encode(b"%d:%b" % (generation, name)).decode()


def _position_of(token: str) -> tuple[bytes, int]:
    try:
        generation, separator, name = base64.b64decode(token, altchars=b"-_", validate=True).partition(b":")
        if separator:
            return name, int(generation)
    except (binascii.Error, ValueError):
        pass
    raise invalid("Invalid page token", "pageToken")


def _pattern_of(glob: str) -> re.Pattern[str]:
    """``*`` and ``?`` stop at a slash, ``**`` doesn't; ``[...]`` and ``{a,b}`` as in a shell."""
    parts, depth = [], 0
    for piece in re.findall(r"\*\*/|\*+|\?|\[[^\]]+\]|\\.|.", glob, re.DOTALL):
        if piece == "**/":
            parts.append("(?:.*/)?")
        elif piece.startswith("**"):
            parts.append(".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece == "{":
            depth += 1
            parts.append("(?:")
        elif piece == "}" and depth:
            depth -= 1
            parts.append(")")
        elif piece == "," and depth:
            parts.append("|")
        elif piece.startswith("[") and len(piece) > 2:
            inner = piece[1:-1].replace("\\", "\\\\")
            parts.append(f"[{'^' + inner[1:] if inner.startswith('!') else inner}]")
        else:
            parts.append(re.escape(piece[-1]))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        raise invalid(f"Invalid matchGlob {glob!r}", "matchGlob") from None
