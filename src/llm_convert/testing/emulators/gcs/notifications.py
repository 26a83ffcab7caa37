"""Notification configurations of buckets: kept and listed. No message is ever sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from llm_convert.testing.emulators.gcs.errors import RefusedError, no_route, required
from llm_convert.testing.emulators.gcs.records import etag_of
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call

_TAKEN = ("topic", "custom_attributes", "event_types", "object_name_prefix", "payload_format")


class Notifications:
    """Those of all buckets."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, dict[str, Any]]] = {}
        self._count = 0
        self._lock = threading.Lock()

    def answer(self, storage: Storage, call: Call, bucket: str, within: Sequence[str]) -> Answer:
        """``b/{bucket}/notificationConfigs``, with an id or without. Raises RefusedError."""
        generation = storage.bucket(bucket).generation
        with self._lock:
            # A bucket that was deleted and made again starts without any.
            kept = self._kept.setdefault(f"{bucket}/{generation}", {})
            match call.method, within:
                case "GET", []:
                    items = {"items": list(kept.values())} if kept else {}
                    return Answer.of_json({"kind": "storage#notifications", **items})
                case "POST", []:
                    return Answer.of_json(self._made(call, bucket, kept))
                case ("GET" | "DELETE") as verb, [number]:
                    if number not in kept:
                        raise RefusedError(404, "notFound", f"No such notification: {number}")
                    if verb == "GET":
                        return Answer.of_json(kept[number])
                    del kept[number]
                    return Answer(status=204)
                case _:
                    raise no_route()

    def _made(self, call: Call, bucket: str, kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
        body = call.json()
        if not body.get("topic"):
            raise required("topic")
        self._count += 1
        number = str(self._count)
        kept[number] = {
            "kind": "storage#notification",
            "id": number,
            "selfLink": f"{call.base_url}/storage/v1/b/{bucket}/notificationConfigs/{number}",
            "etag": etag_of(0, self._count),
            "payload_format": "JSON_API_V1",
            **{name: body[name] for name in _TAKEN if body.get(name)},
        }
        return kept[number]
