from __future__ import annotations

from pathlib import Path

import pytest

from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings, TaskPlace


def test_the_embedded_defaults_need_nothing() -> None:
    settings = Settings.from_environment({})
    assert settings.provider == "rules"
    assert settings.store_url == f"file://{Path('.llm_convert').absolute()}/store"
    assert settings.warehouse_url.startswith("duckdb:///")


def test_an_unknown_variable_names_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"unknown variable 'LLM_CONVERT_PROVDER' in the environment. Did you mean 'LLM_CONVERT_PROVIDER'",
    ):
        Settings.from_environment({"LLM_CONVERT_PROVDER": "vertex"})


def test_a_bad_value_names_its_variable() -> None:
    with pytest.raises(
        ConfigurationError, match=r"LLM_CONVERT_CONCURRENCY: .* found 'many'. Change or unset LLM_CONVERT_CONCURRENCY"
    ):
        Settings.from_environment({"LLM_CONVERT_CONCURRENCY": "many"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kept,guess", "'kept', 'rules', 'program' or 'direct', found 'guess'"),
        ("direct,kept", "name it last"),
        ("kept,kept", "found twice: kept"),
    ],
)
def test_a_wrong_order_of_strategies_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"LLM_CONVERT_STRATEGIES: .*{said}"):
        Settings.from_environment({"LLM_CONVERT_STRATEGIES": text})


def test_strategies_are_an_order_here_and_in_another_process() -> None:
    settings = Settings.from_environment({"LLM_CONVERT_STRATEGIES": "rules, direct"})
    assert settings.strategies == ("rules", "direct")
    assert Settings.from_environment(settings.to_environment()).strategies == settings.strategies
    assert "LLM_CONVERT_STRATEGIES" not in Settings().to_environment()


def test_another_process_gets_the_same_settings(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "LLM_CONVERT_HOME": str(tmp_path),
            "LLM_CONVERT_FORCE": "true",
            "LLM_CONVERT_RECORD": "true",
            "LLM_CONVERT_RECORDINGS": str(tmp_path / "recordings"),
            "LLM_CONVERT_VERTEX_ACCESS_TOKEN": "t",
            "LLM_CONVERT_PROMPTS": str(tmp_path),
        }
    )
    assert Settings.from_environment(settings.to_environment()).strategies == settings.strategies


def test_secrets_do_not_show(tmp_path: Path) -> None:
    settings = Settings.from_environment({"LLM_CONVERT_VERTEX_ACCESS_TOKEN": "s3cret"})
    assert "s3cret" not in repr(settings)
    assert b"s3cret" not in settings.to_json()


def test_a_place_without_a_platform_is_the_only_task() -> None:
    assert TaskPlace.from_environment({}) == TaskPlace(index=0, count=1, attempt=0, execution="")
    with pytest.raises(ConfigurationError, match="CLOUD_RUN_TASK_INDEX"):
        TaskPlace.from_environment({"CLOUD_RUN_TASK_INDEX": "one"})


class TestTheChainOfProviders:
    """Which services answer where nobody named them."""

    def test_nothing_said_is_the_rules(self) -> None:
        settings = Settings.from_environment({"ENVIRONMENT": "test"})
        assert settings.providers == ("rules",)
        assert "provider" not in settings.model_fields_set, "a launcher that says nothing leaves it to the job"

    def test_production_takes_what_is_configured_there(self) -> None:
        environ = {"ENVIRONMENT": "production", "INTERNAL_LLM_BASE_URL": "https://llm", "OLLAMA_BASE_URL": "http://o"}
        assert Settings.from_environment(environ).providers == ("internal", "ollama")
        with_vertex = {**environ, "ANTHROPIC_VERTEX_PROJECT_ID": "p"}
        assert Settings.from_environment(with_vertex).providers == ("vertex", "internal", "ollama")

    def test_development_asks_ollama_first(self) -> None:
        environ = {"ENVIRONMENT": "development", "INTERNAL_LLM_BASE_URL": "https://llm", "OLLAMA_BASE_URL": "http://o"}
        assert Settings.from_environment(environ).providers == ("ollama", "internal")

    def test_what_is_named_holds(self) -> None:
        environ = {"ENVIRONMENT": "production", "OLLAMA_BASE_URL": "http://o", "LLM_CONVERT_PROVIDER": "vertex, rules"}
        assert Settings.from_environment(environ).providers == ("vertex", "rules")
