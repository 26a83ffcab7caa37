"""Long-running operations: kept by name, waited on, told of when they are done."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from google.longrunning import operations_pb2  # type: ignore[import-untyped]
from google.protobuf import empty_pb2

from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.paging import page

_LONGEST_WAIT_SECONDS = 60.0


class Operations:
    """Operations of one service. ``changed`` is notified by whoever changes what an operation tells of."""

    def __init__(self, changed: threading.Condition, stopping: threading.Event) -> None:
        self._changed = changed
        self._stopping = stopping
        self._views: dict[str, Callable[[], Any]] = {}

    def add(self, name: str, view: Callable[[], Any]) -> Any:
        """Keep an operation under a name and return it; ``view`` makes its message whenever somebody asks."""
        with self._changed:
            self._views[name] = view
            return view()

    def get(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._changed:
            view = self._views.get(request.name)
            if view is None:
                raise ApiError("NOT_FOUND", f"Requested entity was not found: {request.name}")
            return view()

    def wait(self, request: Any) -> Any:
        """The operation when it is done or the asked time is over, whichever comes first."""
        seconds = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else 0.0
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping.is_set() or self.get(request).done,
                timeout=min(seconds or _LONGEST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS),
            )
            return self.get(request)

    def delete(self, request: Any) -> Any:
        """Forget it; what it started goes on."""
        with self._changed:
            self.get(request)
            del self._views[request.name]
        return empty_pb2.Empty()

    def list(self, request: Any) -> Any:
        """Those under a parent, by name; the filter knows ``done``. Raises ApiError: INVALID_ARGUMENT."""
        wanted = _done_in(request.filter)
        with self._changed:
            found = [view() for name, view in self._views.items() if name.startswith(f"{request.name}/operations/")]
        if wanted is not None:
            found = [operation for operation in found if operation.done == wanted]
        chosen, token = page(
            found,
            key=lambda o: [o.name],
            scope=f"{request.name}{request.filter}",
            size=request.page_size,
            token=request.page_token,
        )
        return operations_pb2.ListOperationsResponse(operations=chosen, next_page_token=token)


def running(name: str, metadata: Any) -> Any:
    """An operation that is not done."""
    operation = operations_pb2.Operation(name=name)
    operation.metadata.Pack(metadata)
    return operation


def done(name: str, metadata: Any, response: Any) -> Any:
    """An operation that ended with a response."""
    operation = running(name, metadata)
    operation.done = True
    operation.response.Pack(response)
    return operation


def failed(name: str, metadata: Any, code: int, message: str) -> Any:
    """An operation that ended with an error."""
    operation = running(name, metadata)
    operation.done = True
    operation.error.code = code
    operation.error.message = message
    return operation


def _done_in(text: str) -> bool | None:
    """What a filter asks of ``done``; None for no filter."""
    if not text.strip():
        return None
    match = re.fullmatch(r"\s*done\s*(?:=|:)\s*(true|false)\s*", text, re.IGNORECASE)
    if match is None:
        raise ApiError("INVALID_ARGUMENT", f"Invalid list filter: {text!r}; expected done=true or done=false.")
    return match[1].lower() == "true"
