"""The emulator's life: a thread, a port, the dials, and a window on what is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.http import Handler, HttpServer
from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion
from llm_convert.testing.emulators.gcs.service import Service
from llm_convert.testing.emulators.gcs.settings import bucket_settings
from llm_convert.testing.emulators.gcs.storage import Storage


class GcsEmulator:
    """Cloud Storage on this machine, in memory, from ``start`` to ``stop``; also a context manager.

    Args:
        port: on 127.0.0.1; 0 takes any free one.
        dials: what goes wrong; may be changed while the emulator runs.
        project: told to clients by ``environment``.
        buckets: made before the first request.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        dials: Dials | None = None,
        project: str = "local-project",
        buckets: Iterable[str] = (),
    ) -> None:
        self.dials = dials or Dials()
        self._project = project
        self._stopping = threading.Event()
        self._storage = Storage(lambda: self.dials)
        service = Service(self._storage, lambda: self.dials, self._stopping)
        handler = type("BoundHandler", (Handler,), {"service": service})
        self._http = HttpServer(("127.0.0.1", port), handler)
        self._http.handler.base_url = self.url
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="gcs-emulator", daemon=True)
        for name in buckets:
            self.create_bucket(name)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection. What is stored can still be looked at."""
        self._stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where clients send their requests; no slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """The variables that make Google's clients use the emulator, in this or another process."""
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "GOOGLE_CLOUD_PROJECT": self._project,
            # Else the Python client asks for the bucket's metadata from a thread of its own, for traces, and what is
            # counted or made to fail may be that request.
            "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
        }

    @property
    def refused_writes(self) -> int:
        """How many came too soon after another of the same object; see ``Dials.object_writes_per_second``."""
        return self._storage.mutation_rate.refused

    def create_bucket(self, name: str, *, location: str = "US", versioned: bool = False) -> Bucket:
        """Make a bucket without a request.

        Raises:
            RefusedError: the name is not allowed, or taken.
        """
        settings = {"location": location, "storageClass": "STANDARD", "versioning": {"enabled": versioned}}
        return self._storage.create_bucket(name, bucket_settings(settings))

    def buckets(self) -> tuple[Bucket, ...]:
        """All buckets, by name."""
        return tuple(self._storage.buckets())

    def objects(self, bucket: str, *, versions: bool = False) -> tuple[ObjectVersion, ...]:
        """What a bucket holds, in the order of the names' UTF-8 bytes; with ``versions`` noncurrent ones too.

        Raises:
            RefusedError: there is no such bucket.
        """
        found = self._storage.versions(bucket)
        return tuple(version for version in found if versions or version.time_deleted is None)
