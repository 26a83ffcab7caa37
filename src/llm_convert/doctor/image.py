"""Whether a job's image is still in its registry: Cloud Run looked for it when the job was deployed, and not since."""

from __future__ import annotations

import re
from typing import Any

from llm_convert.doctor.finding import Finding, ok, skipped, wrong

_NAME = re.compile(r"(?P<host>[^/]+)/(?P<path>[^@:]+)(?::(?P<tag>[^@:]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
_GOOGLES = re.compile(r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)")
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_TIMEOUT_SECONDS = 15.0


def check_image(image: str, update: str) -> Finding:
    """Ask the registry for the image's manifest, by the protocol of all registries, as this process's account.

    Args:
        image: as the job names it.
        update: the command that gives the job another image.
    """
    title = "job image"
    match = _NAME.fullmatch(image)
    host = match["host"] if match else ""
    local = is_local(image)
    if match is None or not (local or _GOOGLES.fullmatch(host)):
        return skipped(title, f"{image} is named; whether it is there can only be asked of Google's registries")
    url = f"{'http' if local else 'https'}://{host}/v2/{match['path']}/manifests/"
    try:
        status = _status(url + (match["digest"] or match["tag"] or "latest"), authorised=not local)
    except Exception as error:  # noqa: BLE001 - a registry that can't be asked says nothing of the image
        return skipped(title, f"{image} is named; its registry could not be asked ({type(error).__name__})")
    if status == 200:
        return ok(title, f"{image} is in its registry")
    if status == 404:
        return wrong(title, f"{image} is not in its registry", update)
    return skipped(
        title, f"{image} is named; its registry answers {status}: reading takes roles/artifactregistry.reader"
    )


def is_local(image: str) -> bool:
    """Whether an image's registry is on this machine, where it speaks plain HTTP and asks for no account."""
    return bool(_LOOPBACK.fullmatch(image.partition("/")[0]))


def _status(url: str, *, authorised: bool) -> int:
    import requests

    headers = {"Accept": _MANIFESTS}
    if authorised:
        headers["Authorization"] = f"Bearer {_token()}"
    with requests.get(url, headers=headers, timeout=_TIMEOUT_SECONDS) as answer:
        return int(answer.status_code)


def _token() -> Any:
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())  # type: ignore[no-untyped-call]
    return credentials.token
