"""Message Batches of Anthropic's API: half the price, answered within a day, mostly within an hour."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from llm_convert.completion.models import GLOBAL
from llm_convert.completion.providers.anthropic_service import AnthropicService
from llm_convert.completion.providers.claude import ClaudeProvider
from llm_convert.completion.providers.claude_errors import Call, not_understood, translate
from llm_convert.completion.worst_case import worst_case_microusd
from llm_convert.contracts.calls import BatchRecord, SentCall
from llm_convert.ports import BatchAnswer, BatchLine, CompletionRequest
from llm_convert.settings import Settings

CLOCKS_DIFFER_BY = timedelta(minutes=5)


class AnthropicBatches:
    """Implements ``ports.BatchService``.

    The service gives a batch no name of the caller's. One whose sending was not answered is found by its time, its
    number of requests and, once it is over, by the ids of its requests.

    Raises:
        ConfigurationError: the key is missing, the base URL is wrong, or the prices can't be read.
    """

    name = "anthropic"
    max_requests = 100_000
    max_bytes = 240 * 2**20
    """Of the 256 MB that the service takes, what leaves room for ids and commas."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._service = AnthropicService(settings, environ)
        self._provider = ClaudeProvider(self._service, settings)
        self._timeout_seconds = settings.call_timeout_seconds

    def prepare(self, request: CompletionRequest) -> BatchLine:
        """The body of one call."""
        facts, body = self._provider.prepare(request)
        worst = worst_case_microusd(request, facts, region=GLOBAL, batch=True)
        return BatchLine(line=json.dumps(body, ensure_ascii=False).encode(), model=facts.id, worst_case_microusd=worst)

    async def submit(self, record: BatchRecord, lines: Sequence[BatchLine]) -> str:
        """Create the batch."""
        requests = [
            {"custom_id": call.batch_id, "params": json.loads(line.line)}
            for call, line in zip(record.calls, lines, strict=True)
        ]
        batch = await self._ask(lambda batches: batches.create(requests=requests))
        return str(batch.id)

    async def find(self, record: BatchRecord, known: Collection[str]) -> str | None:
        """By time and number, the newest first; ``answers`` tells by the ids whether it is the one."""
        since = datetime.fromisoformat(record.created_at) - CLOCKS_DIFFER_BY
        client = await self._service.opened()
        try:
            async for batch in await client.messages.batches.list(limit=100):
                if batch.created_at < since:
                    return None
                counts = batch.request_counts
                total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
                if batch.id not in known and total == len(record.calls):
                    return str(batch.id)
        except Exception as error:  # noqa: BLE001 - the vendor's, translated in one place
            raise self._ours(error) from None
        return None

    async def is_over(self, handle: str) -> bool:
        """Whether processing has ended."""
        batch = await self._ask(lambda batches: batches.retrieve(handle))
        return bool(batch.processing_status == "ended")

    async def cancel(self, handle: str) -> None:
        """Ask it to end."""
        if not await self.is_over(handle):
            await self._ask(lambda batches: batches.cancel(handle))

    async def answers(self, record: BatchRecord) -> AsyncIterator[BatchAnswer]:
        """The results' lines; a call without one is missing."""
        calls = {call.batch_id: call for call in record.calls}
        results = await self._ask(lambda batches: batches.results(record.handle))
        async for line in results:
            found = line.to_dict()
            call = calls.pop(str(found.get("custom_id")), None)
            if call is not None:
                yield self._answer(call, found.get("result") or {}, record)
        for call in calls.values():
            yield BatchAnswer(call=call, reply=None, why="missing")

    async def close(self) -> None:
        """Release connections."""
        await self._service.close()

    def _answer(self, call: SentCall, result: dict[str, Any], record: BatchRecord) -> BatchAnswer:
        if result.get("type") != "succeeded":
            return BatchAnswer(call=call, reply=None, why=str(result.get("type") or "missing"))
        message = result.get("message")
        request_id = str(message.get("id") or "") if isinstance(message, dict) else ""
        reply = self._provider.reply_of(message, call, record.tool_name, seconds=0.0, request_id=request_id)
        return BatchAnswer(call=call, reply=reply)

    async def _ask(self, verb: Any) -> Any:
        client = await self._service.opened()
        try:
            found = await verb(client.messages.batches)
        except Exception as error:  # noqa: BLE001 - the vendor's, translated in one place
            raise self._ours(error) from None
        if isinstance(found, str | bytes):
            # What is no JSON comes back as it is: a page of some proxy.
            raise not_understood(self._call(), "no JSON object")
        return found

    def _ours(self, error: Exception) -> Exception:
        return translate(error, self._call())

    def _call(self) -> Call:
        return Call(
            service=self._service,
            model="a batch",
            known_models=(),
            answered_before=True,
            timeout_seconds=self._timeout_seconds,
        )
