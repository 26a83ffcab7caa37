"""Every way in which a call can fail, over the wire, and what becomes of it."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_world import ProviderFor, ask, outcomes

from llm_convert.completion.errors import (
    MAX_RETRY_AFTER_SECONDS,
    CallTimeoutError,
    ConnectionLostError,
    OverloadedError,
    ProviderUnavailableError,
    QuotaZeroError,
    RateLimitedError,
    ServerFaultError,
    Unavailability,
)
from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.completion.retry_after import parse_retry_after
from llm_convert.contracts.work import Cause, Reply, WorkItemError
from llm_convert.errors import ConfigurationError, DataError, UnavailableError
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings
from llm_convert.testing.model_server import Dials, Fault, ModelServer
from llm_convert.testing.model_server.dials import Action

SECRET = "홍길동 900101"


@pytest.mark.parametrize(
    ("fault", "kind", "expected"),
    [
        (Fault.rate_limited(), Unavailability.RATE_LIMITED, RateLimitedError),
        (Fault(status=429, type="rate_limit_error", message="slow"), Unavailability.RATE_LIMITED, RateLimitedError),
        (Fault.quota_exceeded(), Unavailability.QUOTA_ZERO, QuotaZeroError),
        (Fault.overloaded(), Unavailability.OVERLOADED, OverloadedError),
        (Fault(status=500), Unavailability.SERVER, ServerFaultError),
        (Fault.google_error(503, "UNAVAILABLE", "down"), Unavailability.SERVER, ServerFaultError),
        (Fault.google_error(504, "DEADLINE_EXCEEDED", "late"), Unavailability.TIMEOUT, CallTimeoutError),
        (Fault(status=408), Unavailability.TIMEOUT, CallTimeoutError),
        (Fault.google_error(499, "CANCELLED", "gone"), Unavailability.CONNECTION, ConnectionLostError),
        (Fault(status=409), Unavailability.SERVER, ServerFaultError),
        (Fault.of(Action.CUT), Unavailability.CONNECTION, ConnectionLostError),
        (Fault.of(Action.GARBAGE), Unavailability.SERVER, ServerFaultError),
    ],
)
def test_what_may_pass_is_unavailable_once(
    provider_for: ProviderFor,
    completion_request: CompletionRequest,
    server: ModelServer,
    fault: Fault,
    kind: str,
    expected: type,
) -> None:
    server.dials.fail_next = [fault]
    failed, answered = outcomes(provider_for(), completion_request, completion_request)
    assert type(failed) is expected
    assert isinstance(failed, ProviderUnavailableError)
    assert failed.kind == kind
    assert failed.retry_after_seconds is None
    assert isinstance(answered, Reply), "the same client goes on"
    assert server.received == 2, "the caller owns retries"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.CUT_STREAM, ConnectionLostError),
        (Action.END_STREAM, ConnectionLostError),
        (Action.FAIL_STREAM, OverloadedError),
        (Action.CUT, ConnectionLostError),
        (Action.GARBAGE, ServerFaultError),
    ],
)
def test_broken_streams(
    provider_for: ProviderFor,
    completion_request: CompletionRequest,
    server: ModelServer,
    action: Action,
    expected: type,
) -> None:
    server.dials.fail_next = [Fault.of(action)]
    with pytest.raises(ProviderUnavailableError) as caught:
        ask(provider_for(), replace(completion_request, max_output_tokens=64_000))
    assert type(caught.value) is expected
    if action is not Action.FAIL_STREAM:
        assert caught.value.may_be_billed


def test_silence_is_a_timeout(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.fail_next = [Fault.of(Action.HANG)]
    with pytest.raises(CallTimeoutError, match=r"within 0\.3 s") as caught:
        ask(provider_for(call_timeout_seconds=0.3), completion_request)
    assert caught.value.may_be_billed


def test_a_slow_answer_within_the_timeout_is_fine(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.latency_seconds = 0.2
    assert 0.2 <= ask(provider_for(), completion_request).seconds < 5


def test_nobody_there(provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**server.environment(), "ANTHROPIC_VERTEX_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    with pytest.raises(ConnectionLostError) as caught:
        ask(provider_for(environ=environ), completion_request)
    assert not caught.value.may_be_billed, "nothing was ever sent"


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("86400", MAX_RETRY_AFTER_SECONDS), ("soon", None)]
)
def test_retry_after_is_told_and_capped(
    provider_for: ProviderFor,
    completion_request: CompletionRequest,
    server: ModelServer,
    header: str,
    seconds: float | None,
) -> None:
    server.dials.fail_next = [Fault.rate_limited(header)]
    with pytest.raises(RateLimitedError) as caught:
        ask(provider_for(), completion_request)
    assert caught.value.retry_after_seconds == seconds


def test_an_exhausted_quota_is_a_rate_once_a_call_was_answered(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    provider = provider_for()
    ask(provider, completion_request)
    server.dials.fail_next = [Fault.quota_exceeded()]
    with pytest.raises(RateLimitedError, match="Slow down"):
        ask(provider, completion_request)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.google_error(401, "UNAUTHENTICATED", "no"), "gcloud auth application-default login"),
        (
            Fault.google_error(403, "PERMISSION_DENIED", "Permission denied"),
            "roles/aiplatform.user on the project 'local-project'",
        ),
        (
            Fault.google_error(403, "PERMISSION_DENIED", "Vertex AI API has not been used in project 1 before"),
            "gcloud services enable aiplatform.googleapis.com --project local-project",
        ),
        (Fault.google_error(403, "PERMISSION_DENIED", "This API method requires billing to be enabled"), "billing"),
        (
            Fault.google_error(404, "NOT_FOUND", "Publisher Model was not found"),
            "Known models: claude-sonnet-4-5@20250929, ",
        ),
        (Fault.google_error(400, "FAILED_PRECONDITION", "not allowed"), "Model Garden"),
    ],
)
def test_what_a_person_must_change(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer, fault: Fault, said: str
) -> None:
    server.dials.fail_next = [fault]
    with pytest.raises(ConfigurationError) as caught:
        ask(provider_for(), completion_request)
    assert said in str(caught.value)


def test_a_refused_token(provider_for: ProviderFor, completion_request: CompletionRequest) -> None:
    with (
        ModelServer(token="the right one") as server,
        pytest.raises(ConfigurationError, match="LLM_CONVERT_VERTEX_ACCESS_TOKEN"),
    ):
        ask(provider_for(environ=server.environment()), completion_request)


def test_a_document_that_is_too_long(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.context_tokens = 10
    with pytest.raises(WorkItemError, match=r"a prompt of \d+ tokens; claude-sonnet-4-6 takes 10") as caught:
        ask(provider_for(), completion_request)
    assert caught.value.cause is Cause.TOO_LARGE


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=413, type="request_too_large", message="Request exceeds the maximum size"),
        Fault.invalid("messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6 MB"),
        Fault.invalid("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    ],
)
def test_other_ways_to_be_too_large(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer, fault: Fault
) -> None:
    server.dials.fail_next = [fault]
    with pytest.raises(WorkItemError) as caught:
        ask(provider_for(), completion_request)
    assert caught.value.cause is Cause.TOO_LARGE


def test_another_refusal_names_place_and_request(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.fail_next = [Fault.invalid(f"messages.0.content.0.text: bad input {SECRET}")]
    with pytest.raises(DataError) as caught:
        ask(provider_for(), completion_request)
    assert "(400, invalid_request_error) at messages.0.content.0.text" in str(caught.value)
    assert "req_vrtx_000001" in str(caught.value)


def test_no_error_quotes_a_document(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    statuses = [400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 499, 500, 503, 529]
    server.dials.fail_next = [
        Fault(status=status, type=SECRET, message=f"{SECRET}: you sent {SECRET}", google=google)
        for status in statuses
        for google in (False, True)
    ]
    for error in outcomes(provider_for(), *[completion_request] * len(server.dials.fail_next)):
        assert isinstance(error, UnavailableError | ConfigurationError | DataError)
        assert "홍길동" not in str(error)
        assert error.__cause__ is None
        assert error.__suppress_context__, "a traceback would show the vendor's message"


def test_answers_beside_failures_are_not_mixed_up(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials = Dials(latency_seconds=0.05, fail_next=[500, Fault.overloaded(), Fault.rate_limited("1"), 503])

    async def run() -> list[object]:
        provider = provider_for()
        requests = [replace(completion_request, work_item=f"{number:032x}") for number in range(24)]
        replies = await asyncio.gather(*(provider.complete(one) for one in requests), return_exceptions=True)
        await provider.close()
        assert all(
            r.work_item == q.work_item for r, q in zip(replies, requests, strict=True) if not isinstance(r, Exception)
        )
        return list(replies)

    replies = asyncio.run(run())
    assert sum(isinstance(reply, UnavailableError) for reply in replies) == 4
    assert sorted(record.status for record in server.ledger) == [200] * 20 + [429, 500, 503, 529]
    assert server.peak_in_flight > 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ANTHROPIC_VERTEX_PROJECT_ID": ""}, "Set ANTHROPIC_VERTEX_PROJECT_ID"),
        ({"CLOUD_ML_REGION": " "}, "Set CLOUD_ML_REGION"),
        ({"ANTHROPIC_VERTEX_BASE_URL": "http://127.0.0.1:1"}, "Set ANTHROPIC_VERTEX_BASE_URL to http://127.0.0.1:1/v1"),
        ({"ANTHROPIC_VERTEX_BASE_URL": "localhost:1/v1"}, "no http or https URL"),
        ({"ANTHROPIC_VERTEX_BASE_URL": "http://example.com/v1"}, "unencrypted"),
    ],
)
def test_a_place_that_cannot_be_right(server: ModelServer, change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        VertexProvider(Settings(), {**server.environment(), **change})
    assert said in str(caught.value)


def test_no_credentials(
    completion_request: CompletionRequest, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(ConfigurationError, match="Run: gcloud auth application-default login"):
        ask(VertexProvider(Settings(), server.environment()), completion_request)
    assert server.received == 0


@given(st.text(max_size=40) | st.integers(-10, 10**12).map(str) | st.floats().map(str))
def test_any_retry_after_header_can_be_read(header: str) -> None:
    seconds = parse_retry_after(header, datetime.now(UTC))
    assert seconds is None or seconds >= 0
    assert ServerFaultError("x", retry_after_seconds=seconds).retry_after_seconds != float("inf")


@given(st.integers(-100_000, 100_000))
def test_retry_after_as_a_date(offset: int) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    header = format_datetime(now + timedelta(seconds=offset), usegmt=True)
    assert parse_retry_after(header, now) == max(0.0, offset)
