"""Anthropic's message batches: ``/v1/messages/batches``."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from llm_convert.testing.model_server.anthropic import AnthropicClaude
from llm_convert.testing.model_server.batch_work import BatchWork, Entry, Work
from llm_convert.testing.model_server.call import Call, Served, json_bytes, json_of
from llm_convert.testing.model_server.calls import Calls
from llm_convert.testing.model_server.faults import Fault, RefusedError
from llm_convert.testing.model_server.http import Cut, Reply, Request

_PATH = re.compile(r"/v1/messages/batches(?:/(?P<id>[^/]+)(?:/(?P<verb>results|cancel))?)?")
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LIVES = timedelta(hours=24)
_USUAL_PAGE, _LONGEST_PAGE = 20, 1000


@dataclass(slots=True, kw_only=True)
class _Batch:
    id: str
    created_at: datetime
    work: Work
    results_url: str
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        counts = self.work.counts()
        if self.ended_at is None:
            # A request leaves `processing` for its clients when the whole batch has ended.
            counts = dict.fromkeys(counts, 0) | {"processing": len(self.work.entries)}
        status = "ended" if self.ended_at else "canceling" if self.cancelled_at else "in_progress"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": counts,
            "created_at": _time(self.created_at),
            "expires_at": _time(self.created_at + _LIVES),
            "ended_at": _time(self.ended_at),
            "cancel_initiated_at": _time(self.cancelled_at),
            "archived_at": None,
            "results_url": self.results_url if self.ended_at else None,
        }


class MessageBatches:
    """Makes batches, tells of them, cancels and deletes them. No header makes a repeated making the same batch.

    Args:
        served: the server.
        calls: its calls.
        service: whose form the requests have.
        url: of the server.
    """

    def __init__(self, served: Served, calls: Calls, service: AnthropicClaude, url: str) -> None:
        self._served = served
        self._calls = calls
        self._service = service
        self._url = url
        self._work = BatchWork(served, calls)
        self._batches: dict[str, _Batch] = {}

    async def handle(self, request: Request) -> Reply | Cut | None:
        """The answer; None when the request is not about batches."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            return None
        asked = (request.method, match["id"] is not None, match["verb"])
        call = Call(service=self._service, request=request, body=None, model="", method="batches")
        call.recorded = asked == ("POST", False, None)

        async def work() -> bytes:
            match asked:
                case ("POST", False, None):
                    return json_bytes(self._make(call).told())
                case ("GET", False, None):
                    return json_bytes(self._page(request.query))
                case ("GET", True, None):
                    return json_bytes(self._find(match["id"]).told())
                case ("GET", True, "results"):
                    return self._results(self._find(match["id"]))
                case ("POST", True, "cancel"):
                    return json_bytes(self._cancel(self._find(match["id"])).told())
                case ("DELETE", True, None):
                    return json_bytes(self._delete(self._find(match["id"])))
                case _:
                    raise RefusedError(Fault.plain(404, "Not Found"))

        reply = await self._calls.act(call, work)
        if isinstance(reply, Reply) and match["verb"] == "results" and reply.status == 200:
            reply.media_type = "application/x-jsonl"
        return reply

    def _make(self, call: Call) -> _Batch:
        most = self._served.dials.batch_bytes
        if len(call.request.body) > most:
            raise RefusedError(Fault.plain(413, f"Request exceeds the maximum size of {most} bytes"))
        requests = self._requests(json_of(call.request.body))
        name = f"msgbatch_{call.number:06d}"
        entries = [Entry(custom_id=found["custom_id"], call=self._call(call, found, name)) for found in requests]

        async def done() -> None:
            batch.ended_at = _now()

        batch = _Batch(
            id=name,
            created_at=_now(),
            work=self._work.start(entries, done),
            results_url=f"{self._url}/v1/messages/batches/{name}/results",
        )
        self._batches[name] = batch
        return batch

    def _requests(self, body: Any) -> list[dict[str, Any]]:
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            raise RefusedError(Fault.invalid("requests: Field required"))
        most = self._served.dials.batch_requests
        if len(requests) > most:
            raise RefusedError(Fault.invalid(f"requests: List should have at most {most} items"))
        seen: set[str] = set()
        for index, found in enumerate(requests):
            custom_id = found.get("custom_id") if isinstance(found, dict) else None
            if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
                said = f"requests.{index}.custom_id: String should match pattern '^{_CUSTOM_ID.pattern}$'"
                raise RefusedError(Fault.invalid(said))
            if custom_id in seen:
                raise RefusedError(Fault.invalid(f"requests.{index}.custom_id: {custom_id} is not unique"))
            if not isinstance(found.get("params"), dict):
                raise RefusedError(Fault.invalid(f"requests.{index}.params: Field required"))
            seen.add(custom_id)
        return requests

    def _call(self, made_by: Call, found: dict[str, Any], batch: str) -> Call:
        params = found["params"]
        return Call(
            service=self._service,
            request=made_by.request,
            body=params,
            model=str(params.get("model", "")),
            method="batch",
            region=str(params.get("inference_geo") or "global"),
            streams=bool(params.get("stream")),
            batch=batch,
        )

    def _find(self, name: str) -> _Batch:
        found = self._batches.get(name)
        if found is None:
            raise RefusedError(Fault.plain(404, f"Message batch {name} not found"))
        return found

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        text = query.get("limit", str(_USUAL_PAGE))
        if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_PAGE:
            raise RefusedError(Fault.invalid(f"limit: Input should be between 1 and {_LONGEST_PAGE}"))
        limit, names = int(text), [*reversed(self._batches)]
        if "before_id" in query:
            earlier = names[: names.index(self._find(query["before_id"]).id)]
            page, more = earlier[-limit:], len(earlier) > limit
        else:
            later = names[names.index(self._find(query["after_id"]).id) + 1 :] if "after_id" in query else names
            page, more = later[:limit], len(later) > limit
        return {
            "data": [self._batches[name].told() for name in page],
            "has_more": more,
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def _results(self, batch: _Batch) -> bytes:
        if batch.ended_at is None:
            raise RefusedError(Fault.plain(404, f"Message batch {batch.id} has no available results"))
        lines = [json_bytes({"custom_id": entry.custom_id, "result": _result(entry)}) for entry in batch.work.entries]
        # Their order is not that of the requests, but the same each time.
        random.Random(batch.id).shuffle(lines)  # noqa: S311 - nothing is secret here
        return b"\n".join(lines) + b"\n"

    def _cancel(self, batch: _Batch) -> _Batch:
        if batch.ended_at is not None:
            raise RefusedError(Fault.invalid(f"Message batch {batch.id} has ended and can not be canceled"))
        batch.cancelled_at = batch.cancelled_at or _now()
        batch.work.cancelled.set()
        return batch

    def _delete(self, batch: _Batch) -> dict[str, Any]:
        if batch.ended_at is None:
            raise RefusedError(Fault.invalid(f"Message batch {batch.id} has not ended; cancel it first"))
        del self._batches[batch.id]
        return {"id": batch.id, "type": "message_batch_deleted"}


def _result(entry: Entry) -> dict[str, Any]:
    match entry.result:
        case "succeeded":
            return {"type": "succeeded", "message": entry.body}
        case "errored":
            return {"type": "errored", "error": entry.body}
        case kind:
            return {"type": kind}


def _now() -> datetime:
    return datetime.now(UTC)


def _time(when: datetime | None) -> str | None:
    return when.isoformat().replace("+00:00", "Z") if when else None
