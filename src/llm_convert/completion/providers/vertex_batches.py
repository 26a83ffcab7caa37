"""Batch prediction of Claude on Vertex AI: requests as lines of an object in Cloud Storage, answers beside them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from llm_convert.completion.errors import ServerFaultError
from llm_convert.completion.providers.claude import ClaudeProvider
from llm_convert.completion.providers.json_http import JsonHttp, Refusal
from llm_convert.completion.providers.vertex_place import BASE_URL
from llm_convert.completion.providers.vertex_service import VertexService
from llm_convert.completion.worst_case import worst_case_microusd
from llm_convert.contracts.calls import BatchRecord, SentCall
from llm_convert.errors import ConfigurationError
from llm_convert.objects import overwrite
from llm_convert.ports import BatchAnswer, BatchLine, CompletionRequest, ObjectStore
from llm_convert.settings import Settings

_VERSION = "vertex-2023-10-16"
_OVER = frozenset(
    f"JOB_STATE_{state}" for state in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")
)


class VertexBatches:
    """Implements ``ports.BatchService``.

    Args:
        settings: models, prices, timeout and token.
        environ: names project and region.
        store: on Cloud Storage; lines and answers lie in it.

    Raises:
        ConfigurationError: project or region are missing, or the store is not on Cloud Storage.
    """

    name = "vertex"
    max_requests = 100_000
    max_bytes = 900 * 2**20

    def __init__(self, settings: Settings, environ: Mapping[str, str], store: ObjectStore) -> None:
        if not store.url.startswith("gs://"):
            raise ConfigurationError(
                f"batches on Vertex AI need a store on Cloud Storage, found {store.url}",
                remedy="Set LLM_CONVERT_STORE to gs://bucket/prefix, or LLM_CONVERT_BATCH to off.",
            )
        self._service = VertexService(settings, environ)
        self._provider = ClaudeProvider(self._service, settings)
        self._store = store
        self._parent = f"projects/{self._service.project}/locations/{self._service.region}"
        self._http = JsonHttp(
            self._service.api_url,
            headers={},
            timeout_seconds=settings.call_timeout_seconds,
            name="Vertex AI",
            variable=BASE_URL,
        )

    def prepare(self, request: CompletionRequest) -> BatchLine:
        """The body of one call; the model is the batch's."""
        facts, body = self._provider.prepare(request)
        body.pop("model")
        body["anthropic_version"] = _VERSION
        worst = worst_case_microusd(request, facts, region=self._service.region, batch=True)
        return BatchLine(line=json.dumps(body, ensure_ascii=False).encode(), model=facts.id, worst_case_microusd=worst)

    async def submit(self, record: BatchRecord, lines: Sequence[BatchLine]) -> str:
        """Write the lines, then create the job. All calls of a batch are of one model."""
        (model,) = {call.model for call in record.calls}
        data = b"".join(
            b'{"custom_id": %s, "request": %s}\n' % (json.dumps(call.batch_id).encode(), line.line)
            for call, line in zip(record.calls, lines, strict=True)
        )
        overwrite(self._store, self._key(record, "requests.jsonl"), data)
        job = await self._send(
            f"/{self._parent}/batchPredictionJobs",
            {
                "displayName": record.name,
                "model": f"publishers/anthropic/models/{model}",
                "inputConfig": {
                    "instancesFormat": "jsonl",
                    "gcsSource": {"uris": [self._store.locate(self._key(record, "requests.jsonl"))]},
                },
                "outputConfig": {
                    "predictionsFormat": "jsonl",
                    "gcsDestination": {"outputUriPrefix": self._store.locate(self._key(record, "answers"))},
                },
            },
        )
        return str(job["name"])

    async def find(self, record: BatchRecord, known: Collection[str]) -> str | None:
        """By the name that we gave it."""
        wanted = quote(f'displayName="{record.name}"')
        found = await self._send(f"/{self._parent}/batchPredictionJobs?filter={wanted}")
        names = [str(job.get("name")) for job in found.get("batchPredictionJobs") or ()]
        return next((name for name in names if name not in known), None)

    async def is_over(self, handle: str) -> bool:
        """Whether the job has ended, one way or another."""
        return (await self._send(f"/{handle}")).get("state") in _OVER

    async def cancel(self, handle: str) -> None:
        """Ask it to end."""
        if not await self.is_over(handle):
            await self._send(f"/{handle}:cancel", {})

    async def answers(self, record: BatchRecord) -> AsyncIterator[BatchAnswer]:
        """The lines of all objects that the job wrote; a call without one is missing."""
        calls = {call.batch_id: call for call in record.calls}
        for found in self._lines(record):
            call = calls.pop(str(found.get("custom_id")), None)
            if call is not None:
                yield self._answer(call, found, record)
        for call in calls.values():
            yield BatchAnswer(call=call, reply=None, why="missing")

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()
        await self._service.close()

    def _lines(self, record: BatchRecord) -> Iterator[dict[str, Any]]:
        for info in self._store.list(self._key(record, "answers")):
            if not info.key.endswith(".jsonl"):
                continue
            for line in self._store.read(info.key).data.splitlines():
                if line.strip():
                    yield json.loads(line)

    def _answer(self, call: SentCall, found: dict[str, Any], record: BatchRecord) -> BatchAnswer:
        message = found.get("response")
        if isinstance(message, str):
            message = json.loads(message)
        if not isinstance(message, dict) or message.get("type") != "message":
            return BatchAnswer(call=call, reply=None, why="errored")
        request_id = str(message.get("id") or "")
        reply = self._provider.reply_of(message, call, record.tool_name, seconds=0.0, request_id=request_id)
        return BatchAnswer(call=call, reply=reply)

    def _key(self, record: BatchRecord, name: str) -> str:
        return f"{record.folder}/{record.name}/{name}"

    async def _send(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {await self._service.token()}"}
        try:
            if body is None:
                found, _ = await self._http.get(path, headers=headers)
            else:
                found, _ = await self._http.post(path, body, headers=headers)
        except Refusal as refusal:
            if refusal.status == 429 or refusal.status >= 500:
                raise ServerFaultError(f"Vertex AI's batch prediction failed with {refusal.status}") from None
            remedy = "Grant roles/aiplatform.user, and the service agent of Vertex AI the bucket."
            raise ConfigurationError(
                f"Vertex AI refused the batch ({refusal.status} {refusal.code})", remedy=remedy
            ) from None
        return found
