"""The front door of a service: what every call passes, whichever wire it came by."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError
from llm_convert.testing.emulators.google_api.faults import Faults
from llm_convert.testing.emulators.google_api.http import HttpRequest
from llm_convert.testing.emulators.google_api.transcoding import Method, Router, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that was answered, or not."""

    method: str
    wire: str
    """``rest`` or ``grpc``."""
    resource: str
    outcome: str
    """``OK``, a status name such as ``NOT_FOUND``, or ``LOST``: it took effect and had no answer."""
    at: float
    """Unix time in seconds when it came."""


class Front:
    """Dials, permissions and the list of calls, before and after a method does its work."""

    def __init__(self, methods: tuple[Method, ...], faults: Faults) -> None:
        self.methods = methods
        self._router = Router(methods)
        self._faults = faults
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls so far, in the order in which they ended."""
        with self._lock:
            return tuple(self._calls)

    def rest(self, request: HttpRequest) -> Any:
        """Answer a REST request with JSON. Raises ApiError, LostResponseError."""
        method, message = self._router.match(request)
        return to_json(self.call(method, message, wire="rest"), request)

    def call(self, method: Method, message: Any, *, wire: str) -> Any:
        """Answer one call. Raises ApiError, LostResponseError."""
        at, outcome, resource = time.time(), "INTERNAL", resource_of(message)
        try:
            answer = self._answer(method, message, resource)
            outcome = "OK"
            return answer
        except ApiError as error:
            outcome = error.status
            raise
        except LostResponseError:
            outcome = "LOST"
            raise
        finally:
            with self._lock:
                self._calls.append(Call(method=method.name, wire=wire, resource=resource, outcome=outcome, at=at))

    def _answer(self, method: Method, message: Any, resource: str) -> Any:
        if self._faults.latency_seconds > 0:
            self.stopping.wait(self._faults.latency_seconds)
        self._faults.fail(method.name)
        self.require(method.permission, resource)
        answer = method.handle(message)
        self._faults.lose(method.name)
        return answer

    def require(self, permission: str, resource: str) -> None:
        """Raises ApiError: PERMISSION_DENIED when the dials take this permission away."""
        if permission in self._faults.missing_permissions:
            raise ApiError.denied(permission, resource)


def resource_of(message: Any) -> str:
    """What a request is about: its name, parent or resource."""
    for field in ("name", "parent", "resource"):
        found = getattr(message, field, "")
        if found:
            return str(found)
    job = getattr(message, "job", None)
    return str(getattr(job, "name", "") or getattr(message, "project_id", ""))
