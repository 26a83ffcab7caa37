"""The same methods over gRPC: generic handlers on the vendor's own messages."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError
from llm_convert.testing.emulators.google_api.front import Front
from llm_convert.testing.emulators.google_api.transcoding import Method

_WORKERS = 64
"""Calls answered at once; a ``WaitOperation`` holds one while it waits."""


class GrpcServer:
    """Serves a front over an insecure loopback port from ``start`` to ``stop``.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, front: Front, port: int) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="emulator-grpc"),
            # Two servers that share a port would each see half of the calls.
            options=[("grpc.so_reuseport", 0)],
        )
        services: dict[str, dict[str, Any]] = {}
        for method in front.methods:
            services.setdefault(method.service, {})[method.name] = _handler(front, method)
        for service, handlers in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        try:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, f"port {port} of 127.0.0.1 is in use or may not be opened") from error

    def start(self) -> None:
        """Answer from now on."""
        self._server.start()

    def stop(self) -> None:
        """End every call."""
        self._server.stop(grace=None).wait()


def _handler(front: Front, method: Method) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        _behaviour(front, method),
        request_deserializer=method.request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _behaviour(front: Front, method: Method) -> Callable[[Any, Any], Any]:
    def behave(request: Any, context: Any) -> Any:
        try:
            return front.call(method, request, wire="grpc")
        except ApiError as error:
            _abort(context, error)
        except LostResponseError:
            # What a client of gRPC is told when its connection breaks while it waits.
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    return behave


def _abort(context: Any, error: ApiError) -> NoReturn:
    status = status_pb2.Status(code=error.number, message=error.message)
    if error.info is not None:
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ErrorInfo(**error.info))
        status.details.append(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode[error.status], error.message)
    raise AssertionError("abort always raises")
