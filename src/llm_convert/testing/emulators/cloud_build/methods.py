"""The table of remote procedures: name, request, HTTP bindings and permission, as the vendor publishes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.cloud.devtools import cloudbuild_v1
from google.longrunning import operations_pb2  # type: ignore[import-untyped]

from llm_convert.testing.emulators.cloud_build.builds import Builds
from llm_convert.testing.emulators.cloud_build.state import State
from llm_convert.testing.emulators.google_api.transcoding import HttpRule, Method

_BUILDS = "google.devtools.cloudbuild.v1.CloudBuild"
_OPERATIONS = "google.longrunning.Operations"
_GLOBAL = "/v1/projects/{project_id}/builds"
_PARENT = "/v1/{parent=projects/*/locations/*}/builds"
_NAME = "/v1/{name=projects/*/locations/*/builds/*}"
_OPERATION = ("/v1/{name=projects/*/locations/*/operations/*}", "/v1/{name=operations/**}")


def methods(state: State) -> tuple[Method, ...]:
    """All methods, over one state."""
    builds, one = Builds(state), (f"{_GLOBAL}/{{id}}", _NAME)
    create, update = "cloudbuild.builds.create", "cloudbuild.builds.update"
    v1 = cloudbuild_v1
    return (
        _method("CreateBuild", v1.CreateBuildRequest.pb(), builds.create_build, "POST",
                (_GLOBAL, _PARENT), create, "build"),
        _method("CancelBuild", v1.CancelBuildRequest.pb(), builds.cancel_build, "POST",
                _then(one, ":cancel"), update, "*"),
        _method("RetryBuild", v1.RetryBuildRequest.pb(), builds.retry_build, "POST", _then(one, ":retry"), create, "*"),
        _method("GetBuild", v1.GetBuildRequest.pb(), builds.get_build, "GET", one, "cloudbuild.builds.get"),
        _method("ListBuilds", v1.ListBuildsRequest.pb(), builds.list_builds, "GET",
                (_GLOBAL, _PARENT), "cloudbuild.builds.list"),
        _method("CancelOperation", operations_pb2.CancelOperationRequest, builds.cancel_operation, "POST",
                _then(_OPERATION, ":cancel"), update, "*", service=_OPERATIONS),
        _method("GetOperation", operations_pb2.GetOperationRequest, state.operations.get, "GET",
                _OPERATION, "cloudbuild.builds.get", service=_OPERATIONS),
    )  # fmt: skip


def _then(templates: tuple[str, ...], verb: str) -> tuple[str, ...]:
    return tuple(f"{template}{verb}" for template in templates)


def _method(
    name: str,
    request: Any,
    handle: Callable[[Any], Any],
    verb: str,
    templates: tuple[str, ...],
    permission: str,
    body: str = "",
    *,
    service: str = _BUILDS,
) -> Method:
    rules = tuple(HttpRule(verb=verb, template=template, body=body) for template in templates)
    return Method(service=service, name=name, request=request, handle=handle, rules=rules, permission=permission)
