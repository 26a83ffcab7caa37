"""Where on Google Cloud the model is called: project, region and endpoint, by the same variables that the SDK reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from llm_convert.errors import ConfigurationError

PROJECT = "ANTHROPIC_VERTEX_PROJECT_ID"
REGION = "CLOUD_ML_REGION"
BASE_URL = "ANTHROPIC_VERTEX_BASE_URL"

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexPlace:
    """A project's endpoint in a region."""

    project: str
    region: str
    """``global``, a multi-region such as ``eu``, or a region such as ``asia-northeast3``."""
    base_url: str | None = None
    """Instead of the endpoint that follows from the region; ends in ``/v1``."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The place that the environment names.

        Raises:
            ConfigurationError: a variable is missing or can't be right, with its name.
        """
        return cls(
            project=_required(environ, PROJECT, "the Google Cloud project that pays, such as my-project"),
            region=_required(environ, REGION, "a region where the model is offered; 'global' has no surcharge"),
            base_url=_checked_url(environ.get(BASE_URL, "").strip()),
        )


def _required(environ: Mapping[str, str], variable: str, meaning: str) -> str:
    value = environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(f"{variable} is not set", remedy=f"Set {variable} to {meaning}.")
    return value


def _checked_url(url: str) -> str | None:
    if not url:
        return None
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{BASE_URL} {url!r} is no http or https URL", remedy=f"Correct or unset {BASE_URL}.")
    if not parts.path.endswith("/v1"):
        # The SDK appends /projects/... as it is: without the version every call would end in a 404.
        raise ConfigurationError(f"{BASE_URL} {url!r} does not end in /v1", remedy=f"Set {BASE_URL} to {url}/v1.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigurationError(
            f"{BASE_URL} {url!r} would send the access token unencrypted",
            remedy="Use https, or http on this machine only.",
        )
    return url
