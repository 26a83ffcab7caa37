"""Objects in a Cloud Storage bucket, each write under a precondition on the object's generation.

The version is the generation. A write carries an id of its own in the object's metadata: when a try's response is lost
and the next try is refused because the object has changed, the id tells whether it was this very write that changed it.

The window that remains: when somebody replaces our object before we could look, our write is reported as lost although
it once took effect; and a delete whose response was lost counts as done when the version is gone, whoever removed it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from llm_convert.errors import ConfigurationError, ObjectNotFoundError, PreconditionFailedError
from llm_convert.ports import ObjectInfo, StoredObject
from llm_convert.stores.gcs_client import client_for, require_package
from llm_convert.stores.gcs_errors import missing_bucket, translated
from llm_convert.stores.gcs_objects import (
    TIMEOUT_SECONDS,
    could_start_a_key,
    crc32c_of,
    generation_of,
    name_of,
    upload,
    version_of,
)
from llm_convert.stores.gcs_retry import Retries
from llm_convert.stores.keys import fault_of

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket  # type: ignore[import-untyped]

T = TypeVar("T")

WRITE_ID = "llm-convert-write"
"""The metadata key under which an object holds the id of the write that made it."""
PAGE_OBJECTS = 1000
RESUMABLE_ABOVE_BYTES = 8 * 2**20
"""Larger objects are uploaded in chunks, each of which is tried again alone."""
CHUNK_BYTES = 16 * 2**20


class GcsObjectStore:
    """An object store in a bucket, below a prefix. Any number of threads and processes may share it.

    Args:
        bucket: its name.
        prefix: of every key, without slashes at its ends; empty: the bucket's root.
        project: whose client is used; a bucket's name alone says whose bucket it is.
        retries: how requests are tried again.

    Raises:
        ConfigurationError: for a prefix that no object could lie below.
    """

    def __init__(
        self, bucket: str, prefix: str = "", *, project: str | None = None, retries: Retries | None = None
    ) -> None:
        if prefix and fault_of(prefix):
            raise ConfigurationError(
                f"the prefix {prefix!r} of gs://{bucket} can't be: {fault_of(prefix)}",
                remedy="Correct LLM_CONVERT_STORE.",
            )
        require_package()
        self._bucket_name = bucket
        self._below = f"{prefix}/" if prefix else ""
        self._project = project
        self._retries = retries or Retries()
        self._bucket_seen = False

    @classmethod
    def from_url(cls, url: str, *, retries: Retries | None = None) -> GcsObjectStore:
        """The store of a ``gs://bucket/prefix`` URL, taken as written. Raises ConfigurationError for any other."""
        scheme, separator, rest = url.partition("://")
        bucket, _, prefix = rest.rstrip("/").partition("/")
        if scheme != "gs" or not separator or not bucket:
            raise ConfigurationError(f"{url!r} names no bucket", remedy="Give gs://bucket or gs://bucket/prefix.")
        return cls(bucket, prefix, retries=retries)

    @property
    def url(self) -> str:
        """``gs://bucket/prefix``, without a trailing slash."""
        return f"gs://{self._bucket_name}/{self._below}".rstrip("/")

    def read(self, key: str) -> StoredObject:
        """The object's bytes, verified by checksum, and the generation they are of. Raises ObjectNotFoundError."""
        name = self._name(key)

        def once(_: bool) -> StoredObject:
            blob = self._bucket().blob(name)
            # Bytes and generation come in one response: another request could meet another generation. Raw: as stored.
            data = blob.download_as_bytes(raw_download=True, checksum="crc32c", timeout=TIMEOUT_SECONDS, retry=None)
            return StoredObject(data=data, version=version_of(blob))

        return self._ask("read", key, once, absent=lambda: ObjectNotFoundError(key))

    def create(self, key: str, data: bytes) -> str:
        """Write only if absent; the new version. Raises PreconditionFailedError when the key exists."""
        return self._write(key, data, 0, expected="no object")

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        """Write only over this version; the new version. Raises PreconditionFailedError, also when the key is gone."""
        self._name(key)
        generation = generation_of(if_version, key)
        return self._write(key, data, generation, expected=f"version {if_version}")

    def delete(self, key: str, *, if_version: str) -> None:
        """Delete only this version. Raises PreconditionFailedError, also when the key is gone."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        name = self._name(key)
        generation = generation_of(if_version, key)
        refusal = PreconditionFailedError(key, f"version {if_version}")

        def once(again: bool) -> None:
            blob = self._bucket().blob(name)
            try:
                blob.delete(if_generation_match=generation, timeout=TIMEOUT_SECONDS, retry=None)
            except PreconditionFailed:
                if not again:
                    raise refusal from None
            except NotFound:
                if not again:
                    raise

        self._ask("delete", key, once, absent=lambda: refusal)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose keys start with this text, in the order of their keys' UTF-8 bytes, page by page."""
        if not could_start_a_key(prefix):
            return
        token: str | None = None
        while True:
            found, token = self._page(prefix, token)
            yield from found
            if not token:
                return

    def locate(self, key: str) -> str:
        """The object's ``gs://`` URL, Korean as it is written."""
        return f"gs://{self._bucket_name}/{self._name(key)}"

    def _write(self, key: str, data: bytes, generation: int, *, expected: str) -> str:
        from google.api_core.exceptions import PreconditionFailed

        name = self._name(key)
        write_id, checksum = uuid.uuid4().hex, crc32c_of(data)
        large = len(data) > RESUMABLE_ABOVE_BYTES

        def once(again: bool) -> str:
            blob = self._bucket().blob(name, chunk_size=CHUNK_BYTES if large else None)
            blob.metadata = {WRITE_ID: write_id}
            # The service compares it before the object comes to be; the client would only look, and delete, afterwards.
            blob.crc32c = checksum
            try:
                upload(blob, data, generation, retry=self._retries.of_chunks() if large else None)
            except PreconditionFailed:
                # Chunks are tried again out of our sight: there, any refusal may be the echo of our own success.
                ours = self._version_written(name, write_id) if again or large else None
                if ours is None:
                    raise PreconditionFailedError(key, expected) from None
                return ours
            self._bucket_seen = True
            return version_of(blob)

        return self._ask("write", key, once)

    def _version_written(self, name: str, write_id: str) -> str | None:
        """The object's version if it is this write that made it."""
        from google.api_core.exceptions import NotFound

        blob = self._bucket().blob(name)
        try:
            # Tried again by itself: nothing of the write, and none of its bytes, need be sent again for the answer.
            self._retries.run(lambda _: blob.reload(timeout=TIMEOUT_SECONDS, retry=None))
        except NotFound:
            return None
        return version_of(blob) if (blob.metadata or {}).get(WRITE_ID) == write_id else None

    def _page(self, prefix: str, token: str | None) -> tuple[tuple[ObjectInfo, ...], str | None]:
        def once(_: bool) -> tuple[tuple[ObjectInfo, ...], str | None]:
            pages = client_for(self._project).list_blobs(
                self._bucket_name,
                prefix=self._below + prefix,
                page_token=token,
                page_size=PAGE_OBJECTS,
                fields="items(name,size,generation,updated),nextPageToken",
                timeout=TIMEOUT_SECONDS,
                retry=None,
            )
            blobs = next(pages.pages, ())
            self._bucket_seen = True
            return tuple(info for blob in blobs if (info := self._info(blob))), pages.next_page_token

        return self._ask("list", prefix, once)

    def _info(self, blob: Blob) -> ObjectInfo | None:
        key = blob.name.removeprefix(self._below)
        # Consoles and other programs make "folders" whose names end in a slash: those are no objects of ours.
        if fault_of(key) or blob.updated is None:
            return None
        return ObjectInfo(key=key, size_bytes=int(blob.size or 0), version=version_of(blob), updated_at=blob.updated)

    def _ask(
        self, doing: str, key: str, once: Callable[[bool], T], *, absent: Callable[[], Exception] | None = None
    ) -> T:
        """Run a request under the retries, its errors translated."""
        from google.api_core.exceptions import NotFound

        url = f"gs://{self._bucket_name}/{self._below}{key}"
        with translated(doing, self._bucket_name, url):
            try:
                return self._retries.run(once)
            except NotFound:
                if absent is None:
                    raise
                self._retries.run(lambda _: self._see_bucket())
                raise absent() from None

    def _see_bucket(self) -> None:
        """Tell a missing bucket from a missing object: the service answers 404 to both."""
        from google.api_core.exceptions import NotFound

        if self._bucket_seen:
            return
        try:
            # Not `bucket.exists()`: it needs a permission that roles/storage.objectUser does not have.
            listed = client_for(self._project).list_blobs(
                self._bucket_name, max_results=1, fields="items(name)", timeout=TIMEOUT_SECONDS, retry=None
            )
            next(listed.pages, None)
        except NotFound:
            raise missing_bucket(self._bucket_name) from None
        self._bucket_seen = True

    def _bucket(self) -> Bucket:
        return client_for(self._project).bucket(self._bucket_name)

    def _name(self, key: str) -> str:
        return name_of(self._below, key)
