"""URLs of local files that a person can read, and the way back from them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

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
