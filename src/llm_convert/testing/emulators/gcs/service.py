"""One request to one answer: the dials do their harm, the right API answers, and refusals get the form of that API."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llm_convert.testing.emulators.gcs import batch, xml_buckets, xml_objects
from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.errors import RefusedError, no_route, of_status
from llm_convert.testing.emulators.gcs.router import Router
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call
from llm_convert.testing.emulators.gcs.xml_multipart import MultipartUploads


class Service:
    """Both APIs over one storage.

    Args:
        storage: the state.
        dials: tells the dials as they stand.
        stopping: set when the emulator stops; ends what waits.
    """

    def __init__(self, storage: Storage, dials: Callable[[], Dials], stopping: threading.Event) -> None:
        self._storage = storage
        self._dials = dials
        self._stopping = stopping
        self._router = Router(storage)
        self._multipart = MultipartUploads()
        self._lock = threading.Lock()
        self._losable = 0

    def answer(self, call: Call) -> Answer:
        """Carry out a request, unless the dials have it fail."""
        dials = self._dials()
        if dials.latency_seconds > 0:
            self._stopping.wait(dials.latency_seconds)
        status = self._take_fault(call)
        if status is not None:
            headers = {} if dials.retry_after is None else {"Retry-After": dials.retry_after}
            return self._refused(of_status(status, headers), call)
        if call.path == batch.PATH:
            try:
                return batch.answer(call, self._carry_out)
            except RefusedError as error:
                return self._refused(error, call)
        return self._carry_out(call)

    def loses_response(self, call: Call) -> bool:
        """The answer that is due now is never sent. Counts it."""
        every = self._dials().lose_every_nth_response
        with self._lock:
            if every < 1 or not self._concerned(call):
                return False
            self._losable += 1
            return self._losable % every == 0

    def _take_fault(self, call: Call) -> int | None:
        with self._lock:
            faults = self._dials().fail_next
            return faults.pop(0) if faults and self._concerned(call) else None

    def _concerned(self, call: Call) -> bool:
        return f"{call.method} {call.path}".startswith(self._dials().only_for)

    def _carry_out(self, call: Call) -> Answer:
        try:
            return self._router.answer(call) if self._router.knows(call.path) else self._xml(call)
        except RefusedError as error:
            return self._refused(error, call)

    def _xml(self, call: Call) -> Answer:
        bucket, *rest = call.segments
        name = "/".join(rest)
        if not bucket and not name and call.method == "GET":
            return xml_buckets.buckets(self._storage)
        if not bucket:
            raise no_route()
        if not name:
            return xml_buckets.answer(self._storage, call, bucket)
        if self._multipart.concerns(call):
            return self._multipart.answer(self._storage, call, bucket, name)
        methods = {
            "GET": xml_objects.get,
            "HEAD": xml_objects.get,
            "PUT": xml_objects.put,
            "DELETE": xml_objects.delete,
        }
        if call.method not in methods:
            raise no_route()
        return methods[call.method](self._storage, call, bucket, name)

    def _refused(self, error: RefusedError, call: Call) -> Answer:
        if error.status == 304:
            return Answer(status=304, headers=error.headers)
        if error.plain:
            headers = {"Content-Type": "text/plain; charset=utf-8", **error.headers}
            return Answer(status=error.status, headers=headers, body=error.message.encode())
        json_api = self._router.knows(call.path) or call.path == batch.PATH
        kind = "application/json" if json_api else "application/xml"
        headers = {"Content-Type": f"{kind}; charset=UTF-8", **error.headers}
        return Answer(status=error.status, headers=headers, body=error.as_json() if json_api else error.as_xml())
