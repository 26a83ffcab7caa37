"""Claude by Anthropic's own API: the same contract, and errors that name the key and the console instead of roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from model_world import ANSWER, TODAY, outcomes

from llm_convert.completion.errors import DailyLimitError, OverloadedError, RateLimitedError
from llm_convert.completion.providers.anthropic_api import AnthropicProvider
from llm_convert.contracts.prompt import ModelTier
from llm_convert.errors import ConfigurationError
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings
from llm_convert.testing.contracts.model_provider import ModelProviderContract
from llm_convert.testing.model_server import Fault, ModelServer


def provider_at(server: ModelServer, **settings: object) -> AnthropicProvider:
    chosen = Settings.model_validate({"call_timeout_seconds": 5.0, **settings})
    return AnthropicProvider(chosen, server.environment("anthropic"), today=lambda: TODAY)


class TestAnthropicContract(ModelProviderContract):
    @pytest.fixture
    def provider(self, server: ModelServer) -> AnthropicProvider:
        return provider_at(server)

    @pytest.fixture
    def completion_request(self, completion_request: CompletionRequest) -> CompletionRequest:
        return completion_request


def test_a_dated_model_goes_by_its_own_name(server: ModelServer, completion_request: CompletionRequest) -> None:
    provider = provider_at(server)
    (reply,) = outcomes(provider, replace(completion_request, tier=ModelTier.FAST))
    assert reply.answer == ANSWER
    assert reply.model == "claude-haiku-4-5@20251001"
    assert server.ledger[0].model == "claude-haiku-4-5-20251001"


@pytest.mark.parametrize(
    ("fault", "expected", "said"),
    [
        (Fault(status=429, type="rate_limit_error", message="slow down"), RateLimitedError, "console"),
        (Fault.overloaded(), OverloadedError, "529"),
        (Fault(status=401, type="authentication_error", message="no"), ConfigurationError, "ANTHROPIC_API_KEY"),
        (Fault(status=403, type="permission_error", message="no"), ConfigurationError, "workspace"),
        (Fault(status=404, type="not_found_error", message="model"), ConfigurationError, "Known models"),
        (Fault.invalid("Your credit balance is too low"), ConfigurationError, "credit"),
        (Fault.invalid("You have reached your specified API usage limits"), DailyLimitError, "limit of usage"),
    ],
)
def test_errors_name_what_mends_them(
    server: ModelServer, completion_request: CompletionRequest, fault: Fault, expected: type[Exception], said: str
) -> None:
    server.dials.fail_next = [fault]
    (error,) = outcomes(provider_at(server), completion_request)
    assert type(error) is expected
    assert said in str(error)


def test_capacity_tells_keys_apart_and_keeps_them_secret(server: ModelServer) -> None:
    one, other = (provider_at(server, anthropic_api_key=key).capacity(ModelTier.MAIN) for key in ("key-one", "key-two"))
    assert one != other
    assert "key" not in one


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "ANTHROPIC_API_KEY is not set"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://example.com"}, "unencrypted"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "example.com"}, "no http or https URL"),
    ],
)
def test_a_wrong_configuration_is_told_before_any_call(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        AnthropicProvider(Settings(), environ)
