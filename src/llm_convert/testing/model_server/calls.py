"""The course of one call: authorize, let the dials do their harm, check, answer, and write the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from llm_convert.testing.model_server.cache import NOTHING_CACHED, Cached, PromptCache
from llm_convert.testing.model_server.call import Answer, Call, Served, Service, json_bytes
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import AFTER_THE_WORK, Action, Fault, RefusedError
from llm_convert.testing.model_server.http import Cut, Reply, Request, Stream
from llm_convert.testing.model_server.ledger import LedgerRecord
from llm_convert.testing.model_server.limits import Limits
from llm_convert.testing.model_server.tokens import Tokens

_NOTHING = Tokens(prompt=0)
_WITHOUT_FORM = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What a request raises whose parts are not of the kinds that the rules are about: such rules are not written down."""


class Calls:
    """Answers model calls in the form of the service that is asked.

    Args:
        served: the server.
        services: by the order in which a request is offered to them.
    """

    def __init__(self, served: Served, services: Sequence[Service]) -> None:
        self._served = served
        self._services = services
        self._limits = Limits(served.clock)
        self._cache = PromptCache(served.clock)

    async def handle(self, request: Request) -> Reply | Stream | Cut | None:
        """The answer; None when the request calls no model."""
        call = self._call_of(request)
        if call is None:
            return None
        call.number = self._served.books.begin()
        request.finished = self._served.books.end
        try:
            return await self._decide(call)
        except RefusedError as refused:
            return self._say(call, refused.fault)

    def _call_of(self, request: Request) -> Call | None:
        for service in self._services:
            call = service.call_of(request)
            if call is not None:
                return call
        return None

    async def _decide(self, call: Call) -> Reply | Stream | Cut:
        served = self._served
        call.service.authorize(call, served.token)
        if call.method == "messages":
            await self._limit(call)
        # Looked up when a request arrives: of two that arrive together neither reads what the other writes.
        cached = self._look(call)
        fault = served.take_fault()
        if served.dials.latency_seconds > 0:
            await asyncio.sleep(served.dials.latency_seconds)
        if fault is not None and fault.action not in AFTER_THE_WORK:
            return await self._fail(call, fault)
        self._check(call)
        if call.method == "count_tokens":
            return self._count(call)
        return await self._answer(call, cached, fault)

    async def _limit(self, call: Call) -> None:
        try:
            self._limits.take(call, self._served.dials)
        except RefusedError:
            if self._served.dials.refusal_seconds > 0:
                await asyncio.sleep(self._served.dials.refusal_seconds)
            raise

    def _count(self, call: Call) -> Reply:
        tokens = call.service.prompt_tokens(call)
        self._record(call, 200, Tokens(prompt=tokens))
        return self._reply(call, 200, json_bytes(call.service.counted(tokens)))

    async def act(self, call: Call, work: Callable[[], Awaitable[bytes]]) -> Reply | Cut:
        """Do what is no call of a model, such as the making of a batch, with the harm that the dials do.

        Args:
            call: number and method are set here; what is not recorded counts as no request.
            work: does it; its result is the answer's JSON.
        """
        served = self._served
        call.number = served.books.begin() if call.recorded else served.books.number()
        call.request.finished = served.books.end if call.recorded else None
        try:
            call.service.authorize(call, served.token)
            fault = served.take_fault() if call.recorded else served.take_poll_fault()
            if served.dials.latency_seconds > 0:
                await asyncio.sleep(served.dials.latency_seconds)
            if fault is not None and fault.action not in AFTER_THE_WORK:
                return await self._fail(call, fault)
            body = await work()
        except RefusedError as refused:
            return self._say(call, refused.fault)
        except _WITHOUT_FORM as error:
            return self._say(call, _no_form(error).fault)
        self._record(call, 200, _NOTHING)
        if fault is not None and fault.action is Action.LOSE:
            return Cut()
        return self._reply(call, 200, body)

    async def settle(self, call: Call, fault: Fault | None) -> Answer:
        """Answer a request of a batch, and write the ledger.

        Args:
            call: its number is set here.
            fault: what goes wrong with it.

        Raises:
            RefusedError: something went wrong, or the request breaks a rule; it costs nothing.
        """
        call.number = self._served.books.number()
        try:
            if fault is not None:
                raise RefusedError(fault)
            self._check(call)
            if call.streams:
                raise RefusedError(Fault.invalid("stream: Streaming is not supported in batches"))
            return await self._answered(call, self._look(call))
        except RefusedError as refused:
            self._record(call, refused.fault.status, _NOTHING)
            raise

    def _check(self, call: Call) -> None:
        try:
            call.service.check(call, self._served.dials)
            call.service.prompt_tokens(call)
        except _WITHOUT_FORM as error:
            raise _no_form(error) from error

    def _look(self, call: Call) -> Cached:
        if not call.service.caches:
            return NOTHING_CACHED
        return self._cache.look(call.capacity, call.fields, self._served.dials)

    async def _answered(self, call: Call, cached: Cached) -> Answer:
        service, dials = call.service, self._served.dials
        payload = await self._served.ask(call.fields)
        prompt = _prompt(service.prompt_tokens(call), cached, dials)
        try:
            answer = service.answer(call, payload, prompt, dials)
        except (AttributeError, TypeError, ValueError) as error:
            # The callable's answer is no object of JSON: told to the test as an answer, too.
            said = f"answer_with gave what can't be told: {type(error).__name__}: {error}"
            raise RefusedError(Fault(message=said)) from error
        self._record(call, 200, answer.tokens, answer)
        self._cache.begin(cached)
        return answer

    async def _answer(self, call: Call, cached: Cached, fault: Fault | None) -> Reply | Stream | Cut:
        service, dials = call.service, self._served.dials
        answer = await self._answered(call, cached)
        if fault is not None and fault.action is Action.LOSE:
            return Cut()
        if not call.streams:
            return self._reply(call, 200, json_bytes(answer.body))
        return Stream(
            pieces=service.pieces(call, answer, fault),
            headers={service.request_id_header: call.request_id},
            media_type=service.stream_media_type,
            seconds=dials.stream_seconds,
            cut=fault is not None and fault.action is Action.CUT_STREAM,
        )

    async def _fail(self, call: Call, fault: Fault) -> Reply | Cut:
        match fault.action:
            case Action.HANG:
                self._record(call, 0, _NOTHING)
                # Cancelled when the server stops.
                await asyncio.get_running_loop().create_future()
                return Cut()
            case Action.CUT:
                self._record(call, 0, _NOTHING)
                return Cut()
            case Action.GARBAGE:
                self._record(call, 200, _NOTHING)
                return Reply(status=200, body=b"<html>sign in</html>", media_type="text/html")
            case _:
                return self._say(call, fault)

    def _say(self, call: Call, fault: Fault) -> Reply:
        self._record(call, fault.status, _NOTHING)
        reply = self._reply(call, fault.status, json_bytes(call.service.error(fault, call.request_id)))
        if fault.retry_after is not None:
            reply.headers["Retry-After"] = fault.retry_after
        return reply

    def _reply(self, call: Call, status: int, body: bytes) -> Reply:
        return Reply(status=status, body=body, headers={call.service.request_id_header: call.request_id})

    def _record(self, call: Call, status: int, tokens: Tokens, answer: Answer | None = None) -> None:
        if not call.recorded:
            return
        charged = 0
        if answer is not None:
            charged = self._served.tariff.microusd(call.model, call.region, tokens, batch=call.batch is not None)
        self._served.books.add(
            LedgerRecord(
                received_at=call.request.received_at,
                decided_at=time.time(),
                method=call.method,
                model=call.model,
                project=call.project,
                region=call.region,
                work_item=call.service.work_item(call),
                status=status,
                stop_reason=answer.stop_reason if answer else None,
                input_tokens=tokens.prompt,
                output_tokens=tokens.output,
                streamed=call.streams,
                request_id=call.request_id,
                service=call.service.name,
                cache_read_tokens=tokens.cache_read,
                cache_write_tokens=tokens.cache_write,
                charged_microusd=charged,
                batch=call.batch,
            )
        )


def _no_form(error: Exception) -> RefusedError:
    return RefusedError(Fault.invalid(f"the request has a part of a wrong type: {type(error).__name__}: {error}"))


def _prompt(tokens: int, cached: Cached, dials: Dials) -> Tokens:
    """A prompt's tokens; what the dials fix goes before what the cache did."""
    if dials.cache_read_tokens or dials.cache_write_tokens:
        return Tokens(prompt=tokens, cache_read=dials.cache_read_tokens, cache_write=dials.cache_write_tokens)
    return Tokens(prompt=tokens, cache_read=cached.read, cache_write=cached.write, cache_write_long=cached.write_long)
