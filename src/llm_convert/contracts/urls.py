"""URLs of stores, warehouses and backends: ``scheme://a/b?key=value``, and of local files that a person can read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from llm_convert.errors import ConfigurationError

_QUOTED = re.compile(r"[%#?\x00-\x1f\x7f]")


def url_of(scheme: str, path: Path) -> str:
    """The URL of an absolute path. Only what would break a URL is percent-encoded; Korean and spaces are not."""
    return f"{scheme}://" + _QUOTED.sub(lambda match: f"%{ord(match[0]):02X}", str(path))


def path_of(url: str) -> Path:
    """The path of a ``scheme:///absolute/path`` URL.

    Raises:
        ConfigurationError: for any other URL.
    """
    scheme, separator, path = url.partition("://")
    if not separator or not path.startswith("/"):
        raise ConfigurationError(
            f"{url!r} is no URL of a local path",
            remedy=f"Give {scheme if separator else 'file'}:///absolute/path, with three slashes.",
        )
    return Path(unquote(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlParts:
    """A URL taken apart: ``bigquery://project/dataset?location=x`` has the path ``("project", "dataset")``."""

    scheme: str
    path: tuple[str, ...]
    options: dict[str, str]


def parts_of(url: str) -> UrlParts:
    """The parts of a URL; ``cloud_run://`` alone has an empty path."""
    scheme, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    return UrlParts(
        scheme=scheme,
        path=tuple(unquote(step) for step in path.split("/") if step),
        options=dict(parse_qsl(query, keep_blank_values=True)),
    )
