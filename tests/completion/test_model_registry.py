"""The models as data: names, dates, exact prices, and a user's file over the built-in one."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.completion.models import Models, load_models
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings

MODELS = load_models()
OLD = "claude-sonnet-4-5@20250929"


def test_the_settings_defaults_are_known() -> None:
    settings = Settings()
    for name in (settings.model_fast, settings.model_main, settings.model_strong):
        assert MODELS.get(name).id == name


@pytest.mark.parametrize(
    ("model", "usd_input", "usd_output", "usd_read"),
    [
        (OLD, "3", "15", "0.3"),
        ("claude-sonnet-4-6", "3", "15", "0.3"),
        ("claude-sonnet-5", "2", "10", "0.2"),
        ("claude-sonnet-5-5", "2", "10", "0.1"),
        ("claude-haiku-4-5@20251001", "1", "5", "0.1"),
        ("claude-haiku-5-5", "0.1", "0.5", "0.01"),
        ("claude-opus-5-5", "4", "20", "0.2"),
    ],
)
def test_prices_of_a_million_tokens(model: str, usd_input: str, usd_output: str, usd_read: str) -> None:
    cost = MODELS.get(model).cost_microusd
    small = 10_000  # below the long prompts of every model
    assert cost(input_tokens=small, output_tokens=0) == Decimal(usd_input) * small
    assert cost(input_tokens=0, output_tokens=1_000_000) == Decimal(usd_output) * 1_000_000
    assert cost(input_tokens=0, output_tokens=0, cache_read_tokens=small) == Decimal(usd_read) * small
    assert cost(input_tokens=0, output_tokens=0, cache_write_tokens=small) == Decimal(usd_input) * small * Decimal(
        "1.25"
    )


def test_halves_are_rounded_up_once() -> None:
    haiku = MODELS.get("claude-haiku-5-5")
    assert haiku.cost_microusd(input_tokens=0, output_tokens=1) == 1, "0.5 micro-dollars"
    assert haiku.cost_microusd(input_tokens=4, output_tokens=0) == 0, "0.4 micro-dollars"
    assert haiku.cost_microusd(input_tokens=4, output_tokens=1) == 1, "0.9 and not 0 + 1"


def test_long_prompts_and_regions() -> None:
    haiku = MODELS.get("claude-haiku-5-5")
    assert haiku.cost_microusd(input_tokens=100_000, output_tokens=1_000) == 10_500
    assert haiku.cost_microusd(input_tokens=100_001, output_tokens=1_000) == 52_501, (
        "five times the whole call: 52500.5"
    )
    cached = haiku.cost_microusd(input_tokens=1, output_tokens=0, cache_read_tokens=100_000)
    assert cached == 5_001, "what the cache read makes a prompt long too: 5000.5"
    assert haiku.cost_microusd(input_tokens=100_000, output_tokens=0, region="eu") == 11_000


@given(
    model=st.sampled_from(sorted(MODELS.models)),
    tokens=st.tuples(*[st.integers(0, 2_000_000)] * 4),
    region=st.sampled_from(["global", "us", "asia-northeast3"]),
)
def test_costs_agree_with_decimal_arithmetic(model: str, tokens: tuple[int, int, int, int], region: str) -> None:
    facts = MODELS.get(model)
    plain, output, read, write = tokens
    exact = (plain + read * facts.cache_read + write * facts.cache_write) * facts.usd_input + output * facts.usd_output
    if facts.long_prompt and plain + read + write > facts.long_prompt.above_tokens:
        exact *= facts.long_prompt.factor
    exact *= 1 if region == "global" else Decimal("1.1")
    found = facts.cost_microusd(
        input_tokens=plain, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write, region=region
    )
    assert found == exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)


def test_unknown_names_are_corrected() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'claude-sonnet-4-6'"):
        MODELS.get("claude-sonet-4-6")


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 10, 30), ""),
        (date(2026, 10, 31), "in 30 days. Use claude-sonnet-5-5 instead."),
        (date(2026, 11, 30), "in 0 days. Use claude-sonnet-5-5 instead."),
    ],
)
def test_an_end_of_life_that_comes_near(today: date, said: str) -> None:
    warning = MODELS.check_alive("claude-sonnet-4-5", today)
    assert warning.endswith(said)
    assert bool(warning) is bool(said)


def test_an_end_of_life_that_is_over() -> None:
    with pytest.raises(
        ConfigurationError, match=r"2026-11-30\. Use claude-sonnet-5-5 instead\. Set it in LLM_CONVERT_MODEL_"
    ):
        MODELS.check_alive(OLD, date(2026, 12, 1))
    assert MODELS.get(OLD).id == OLD, "it stays selectable"
    assert MODELS.check_alive("claude-opus-5-5", date(2099, 1, 1)) == ""


def test_a_users_file_overrides_single_values_and_adds_models(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(
        "as_of: 2026-12-01\nregional_factor: 1\nmodels:\n  claude-sonnet-4-6: {usd_input: 2.7}\n"
        "  house-model: {usd_input: 0, usd_output: 0.000001, context_tokens: 1000, max_output_tokens: 100}\n",
        encoding="utf-8",
    )
    models = load_models(path)
    assert models.as_of == date(2026, 12, 1)
    sonnet = models.get("claude-sonnet-4-6")
    assert (sonnet.usd_input, sonnet.usd_output) == (Decimal("2.7"), Decimal(15))
    assert sonnet.cost_microusd(input_tokens=10, output_tokens=0, region="eu") == 27
    assert models.get("house-model").cost_microusd(input_tokens=1, output_tokens=10**6) == 1
    assert models.get("claude-opus-5-5") == MODELS.get("claude-opus-5-5").model_copy(
        update={"regional_factor": Decimal(1)}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "is no YAML in line 1"),
        ("", "expected names with values below them, found nothing"),
        ("models: [a]", "models: expected names with values below them, found list"),
        ("models: {claude-sonnet-4-6: {usd_imput: 1}}", "Did you mean 'usd_input'"),
        ("models: {claude-sonnet-4-6: {usd_input: -1}}", "usd_input"),
        ("models: {claude-sonnet-4-6: {usd_input: cheap}}", "found 'cheap'"),
        ("models: {new-model: {usd_input: 1}}", "usd_output is missing"),
        ("models: {claude-sonnet-4-6: {aliases: [claude-haiku-4-5]}}", "names both"),
        ("models: {claude-sonnet-4-6: {successor: nobody}}", "no known model"),
    ],
)
def test_a_users_file_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_models(path)
    assert said in str(caught.value)


def test_a_users_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLM_CONVERT_PRICES"):
        load_models(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="LLM_CONVERT_PRICES"):
        load_models(tmp_path / "latin.yaml")


SCALARS: Any = (
    st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(st.sampled_from(["usd_input", "aliases", "long_prompt", "end_of_life", "x"]), SCALARS, max_size=3)
)
def test_any_override_is_taken_or_explained(tmp_path_factory: pytest.TempPathFactory, facts: dict[str, Any]) -> None:
    import yaml

    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump({"models": {"claude-sonnet-4-6": facts}}), encoding="utf-8")
    found: Models | ConfigurationError
    try:
        found = load_models(path)
    except ConfigurationError as error:
        found = error
    assert isinstance(found, Models) or str(path) in str(found)
