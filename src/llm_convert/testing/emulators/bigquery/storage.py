"""Objects of Cloud Storage, read and written over its JSON API as BigQuery itself would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid
from llm_convert.testing.emulators.bigquery.files import Source

_TIMEOUT_SECONDS = 60.0


class Storage:
    """A Cloud Storage endpoint.

    Args:
        url: of the endpoint, such as ``http://127.0.0.1:4443``; None when there is none.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url.rstrip("/") if url else None

    def read(self, uris: list[str]) -> list[Source]:
        """The objects of some URIs, each of which may hold one ``*``. Raises ApiError 404 for one that has none."""
        found = []
        for uri in uris:
            bucket, name = _parts(uri)
            names = self._matching(bucket, name) if "*" in name else [name]
            if not names:
                raise ApiError(404, f"Not found: URI {uri}")
            for one in names:
                found.append(Source(name=f"gs://{bucket}/{one}", data=self._media(bucket, one, uri)))
        return found

    def write(self, uri: str, data: bytes) -> None:
        """Put an object. Raises ApiError when the bucket does not take it."""
        bucket, name = _parts(uri)
        query = urlencode({"uploadType": "media", "name": name})
        self._ask(f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{query}", uri, data=data)

    def _matching(self, bucket: str, pattern: str) -> list[str]:
        prefix, _, suffix = pattern.partition("*")
        if "*" in suffix:
            raise invalid(f"Invalid gs:// URI: at most one wildcard is allowed: gs://{bucket}/{pattern}")
        names: list[str] = []
        token = ""
        while True:
            query = urlencode({"prefix": prefix} | ({"pageToken": token} if token else {}))
            page = json.loads(
                self._ask(f"/storage/v1/b/{quote(bucket, safe='')}/o?{query}", f"gs://{bucket}/{pattern}")
            )
            names += [item["name"] for item in page.get("items", ())]
            token = page.get("nextPageToken", "")
            if not token:
                return [name for name in names if name.endswith(suffix) and len(name) >= len(prefix + suffix)]

    def _media(self, bucket: str, name: str, uri: str) -> bytes:
        return self._ask(f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}?alt=media", uri)

    def _ask(self, path: str, uri: str, data: bytes | None = None) -> bytes:
        if self._url is None:
            raise invalid(f"This emulator was started without storage_url and cannot reach Cloud Storage for {uri}")
        request = urllib.request.Request(self._url + path, data=data)  # noqa: S310 - the endpoint is the caller's own
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                body: Any = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise ApiError(404, f"Not found: URI {uri}") from error
            if error.code in {401, 403}:
                raise ApiError(403, f"Access Denied: BigQuery: Permission denied while accessing {uri}") from error
            raise ApiError(503, f"Cloud Storage answered {error.code} for {uri}", reason="backendError") from error
        except OSError as error:
            raise ApiError(503, f"Cloud Storage could not be reached for {uri}", reason="backendError") from error
        return bytes(body)


def _parts(uri: str) -> tuple[str, str]:
    bucket, slash, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not slash or not bucket or not name:
        raise invalid(f"Source URI must be a Google Cloud Storage location: {uri}")
    return bucket, name
