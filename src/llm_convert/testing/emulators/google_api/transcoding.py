"""HTTP to request messages, by the rules of ``google.api.http``: path fields, query parameters, body."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.http import HttpRequest

_FIELD = re.compile(r"\{([\w.]+)(?:=([^}]+))?\}")
_SYSTEM_PARAMETERS = {
    "$alt",
    "alt",
    "key",
    "prettyPrint",
    "$prettyPrint",
    "fields",
    "$fields",
    "quotaUser",
    "access_token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRule:
    """One binding of a method."""

    verb: str
    template: str
    """Such as ``/v2/{name=projects/*/locations/*/jobs/*}:run``."""
    body: str = ""
    """``*``: the whole message, a name: that field, empty: there is none."""

    def pattern(self) -> re.Pattern[str]:
        """Matches a path; the groups are the fields, dots written as ``__``."""
        text, at = "", 0
        for match in _FIELD.finditer(self.template):
            text += re.escape(self.template[at : match.start()])
            wild = re.escape(match[2] or "*").replace(r"\*\*", ".+").replace(r"\*", "[^/:]+")
            text += f"(?P<{match[1].replace('.', '__')}>{wild})"
            at = match.end()
        return re.compile(text + re.escape(self.template[at:]) + r"\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One remote procedure, for REST and gRPC alike."""

    service: str
    """Full, such as ``google.cloud.run.v2.Jobs``."""
    name: str
    request: Any
    """The protobuf message class."""
    handle: Callable[[Any], Any]
    """From a request message to a response message; raises ApiError."""
    rules: tuple[HttpRule, ...]
    permission: str = ""
    """What IAM asks for; empty: nothing."""


class Router:
    """Finds the method of a request, and fills its message."""

    def __init__(self, methods: tuple[Method, ...]) -> None:
        self._routes = [(rule, rule.pattern(), method) for method in methods for rule in method.rules]

    def match(self, request: HttpRequest) -> tuple[Method, Any]:
        """The method and its request message. Raises ApiError: NOT_FOUND, or INVALID_ARGUMENT for a field's fault."""
        for rule, pattern, method in self._routes:
            found = pattern.match(request.path) if rule.verb == request.verb else None
            if found:
                fields = {name.replace("__", "."): value for name, value in found.groupdict().items()}
                return method, _fill(method.request(), rule, fields, request)
        raise ApiError("NOT_FOUND", f"The requested URL {request.path} was not found on this server.")


def _fill(message: Any, rule: HttpRule, fields: dict[str, str], request: HttpRequest) -> Any:
    if rule.body:
        target = message if rule.body == "*" else getattr(message, rule.body)
        target.SetInParent()
        _parse(request.json(), target)
    for name, values in request.query.items():
        if name not in _SYSTEM_PARAMETERS:
            _set(message, name, values)
    for name, value in fields.items():
        _set(message, name, [value])
    return message


def _set(message: Any, name: str, values: list[str]) -> None:
    """Set a field by its dotted JSON name from texts."""
    *parents, leaf = name.split(".")
    for parent in parents:
        message = getattr(message, _field(message, parent).name)
    field = _field(message, leaf)
    if field.type == field.TYPE_BOOL:
        _parse({leaf: values[-1].lower() == "true"}, message)
        return
    _parse({leaf: values if field.is_repeated else values[-1]}, message)


def _field(message: Any, name: str) -> Any:
    for field in message.DESCRIPTOR.fields:
        if name in {field.json_name, field.name}:
            return field
    raise ApiError(
        "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
    )


def _parse(data: Any, message: Any) -> None:
    if not isinstance(data, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. Root element must be a message.")
    try:
        json_format.ParseDict(data, message)
    except json_format.ParseError as error:
        text = str(error).partition("\n")[0]
        raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {text}") from None


def to_json(message: Any, request: HttpRequest) -> Any:
    """A response message as Google writes it: lowerCamelCase, defaults left out, enums by number where asked for."""
    alternatives = request.query.get("$alt", [])
    numbers = any("enum-encoding=int" in alternative for alternative in alternatives)
    return json_format.MessageToDict(message, use_integers_for_enums=numbers)
