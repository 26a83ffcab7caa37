"""What a build takes from Cloud Storage and leaves there: its source and its log."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import urllib.error
import urllib.request
from urllib.parse import quote

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.cloud_build.state import BuildRecord, State

_TIMEOUT_SECONDS = 30.0
# Storage is an emulator on this machine: a proxy of the environment must not see it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SourceError(Exception):
    """The source could not be fetched."""


def fetch_source(state: State, record: BuildRecord) -> None:
    """Unpack a ``storageSource``, a gzipped tar, into the workspace; no source: an empty one. Raises SourceError."""
    record.workspace.mkdir(parents=True, exist_ok=True)
    kind = record.message.source.WhichOneof("source")
    if kind is None:
        return
    if kind != "storage_source" or not state.storage_url:
        raise SourceError(f"cannot fetch a {kind} here: only storageSource, and with a storage_url, is supported")
    source = record.message.source.storage_source
    url = f"{state.storage_url}/storage/v1/b/{source.bucket}/o/{quote(source.object_, safe='')}?alt=media"
    if source.generation:
        url += f"&generation={source.generation}"
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            data = answer.read()
            generation = int(answer.headers.get("X-Goog-Generation") or 0)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            archive.extractall(record.workspace, filter="data")
        with state.changed:
            resolved = record.message.source_provenance.resolved_storage_source
            resolved.CopyFrom(source)
            resolved.generation = generation
    except (OSError, tarfile.TarError) as error:
        raise SourceError(f"failed to fetch gs://{source.bucket}/{source.object_}: {error}") from None


def upload_log(state: State, record: BuildRecord) -> str:
    """Put the log into the build's bucket, as ``log-BUILD_ID.txt``; why that failed, or nothing."""
    build = record.message
    if not state.storage_url or build.options.logging in {m.Logging.NONE, m.Logging.CLOUD_LOGGING_ONLY}:
        return ""
    bucket, _, prefix = build.logs_bucket.removeprefix("gs://").partition("/")
    if bucket == m.default_logs_bucket(state.dials.project_number):
        _make_bucket(state, record, bucket)
    name = f"{prefix.rstrip('/')}/{record.log.name}".lstrip("/")
    request = urllib.request.Request(  # noqa: S310
        f"{state.storage_url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}",
        data=record.log.read_bytes(),
        headers={"Content-Type": "text/plain"},
        method="POST",
    )
    try:
        _OPENER.open(request, timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        return f"the log could not be written to {build.logs_bucket}: {error}"
    return ""


def _make_bucket(state: State, record: BuildRecord, bucket: str) -> None:
    """The service makes a project's default bucket for logs when it first needs it."""
    request = urllib.request.Request(  # noqa: S310
        f"{state.storage_url}/storage/v1/b?project={quote(record.message.project_id, safe='')}",
        data=json.dumps({"name": bucket}).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    # Mostly it is there already; where it can't be made, the log's own upload says why.
    with contextlib.suppress(OSError):
        _OPENER.open(request, timeout=_TIMEOUT_SECONDS).close()
