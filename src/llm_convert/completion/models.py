"""The models that can be selected: their prices, limits and dates, as dated data that a user can override.

Nothing is fetched. Money is exact: prices are decimals, a cost is a whole number of micro-dollars.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from llm_convert.contracts.base import Contract, parse
from llm_convert.contracts.prompt import ModelTier
from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.settings import Settings

GLOBAL = "global"
"""The endpoint that carries no regional surcharge."""

CLAUDE_PROVIDERS = frozenset({"vertex", "anthropic"})
"""The providers whose models are chosen by tier."""

WARN_BEFORE = timedelta(days=30)
"""How long before a model's end of life people are told."""

Factor = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


@lru_cache(maxsize=256)
def _exact(factor: Decimal) -> Fraction:
    """Made once for each price: a fraction from a decimal takes longer than all that is reckoned with it."""
    return Fraction(factor)


class LongPrompt(Contract):
    """A price that rises for the whole call once its prompt is long."""

    above_tokens: int = Field(ge=1)
    """Of prompt, what the cache read or wrote counted in."""
    factor: Factor


class ModelFacts(Contract):
    """What is known of one model."""

    id: str = Field(min_length=1)
    """As Vertex AI calls it."""
    usd_input: Factor
    """USD for a million tokens of prompt."""
    usd_output: Factor
    """USD for a million tokens of answer, thinking included."""
    cache_write: Factor = Decimal("1.25")
    """Times the price of input; for a cache entry that lives five minutes."""
    cache_read: Factor = Decimal("0.1")
    batch: Factor = Decimal("0.5")
    """Times everything, for a call within a batch."""
    regional_factor: Factor = Decimal("1.1")
    """Times everything, where the endpoint is not ``global``."""
    long_prompt: LongPrompt | None = None
    context_tokens: int = Field(ge=1)
    max_output_tokens: int = Field(ge=1)
    end_of_life: date | None = None
    """The last day; None where no date is announced."""
    successor: str | None = None
    aliases: tuple[str, ...] = ()
    tool_choice: Literal["tool", "auto"] = "tool"
    """``auto`` for models that refuse a forced tool."""
    structured_outputs: bool = True
    """Whether the model knows the service's own structured outputs."""
    thinking: Literal["unsaid", "disabled", "between_tools"] = "unsaid"
    """What the request says about thinking; ``unsaid`` where the model's own default is the least it accepts."""

    def cost_microusd(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        region: str = GLOBAL,
        batch: bool = False,
    ) -> int:
        """What one call costs, in whole micro-dollars, halves rounded up.

        Args:
            input_tokens: without those that the cache read or wrote, as the API counts.
            output_tokens: thinking included.
            cache_read_tokens: of the prompt, read from the cache.
            cache_write_tokens: of the prompt, written to the cache.
            region: of the endpoint, as CLOUD_ML_REGION names it.
            batch: whether the call is part of a batch.
        """
        # A price in USD for a million tokens is also the price in micro-dollars for one token.
        cached = cache_read_tokens * _exact(self.cache_read) + cache_write_tokens * _exact(self.cache_write)
        cost = (input_tokens + cached) * _exact(self.usd_input) + output_tokens * _exact(self.usd_output)
        if self.long_prompt and input_tokens + cache_read_tokens + cache_write_tokens > self.long_prompt.above_tokens:
            cost *= _exact(self.long_prompt.factor)
        if region != GLOBAL:
            cost *= _exact(self.regional_factor)
        if batch:
            cost *= _exact(self.batch)
        return int((2 * cost + 1) // 2)


class Models(Contract):
    """All models that are known, and as of when."""

    as_of: date
    source: str
    models: dict[str, ModelFacts]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        owners: dict[str, str] = {}
        for facts in self.models.values():
            for name in (facts.id, *facts.aliases):
                if owners.setdefault(name, facts.id) != facts.id:
                    raise ValueError(f"{name!r} names both {owners[name]!r} and {facts.id!r}")
            if facts.successor is not None and facts.successor not in self.models:
                raise ValueError(f"the successor {facts.successor!r} of {facts.id!r} is no known model")
        return self

    def get(self, name: str) -> ModelFacts:
        """The facts of a model by its id or an alias.

        Raises:
            ConfigurationError: for a name that nobody knows, with the nearest known one.
        """
        for facts in self.models.values():
            if name == facts.id or name in facts.aliases:
                return facts
        raise unknown_name("model", name, self.models, where=f"the models as of {self.as_of}")

    def id_of(self, name: str) -> str:
        """The id of a model by its id or an alias; the name itself where nobody knows it."""
        return next((facts.id for facts in self.models.values() if name in facts.aliases), name)

    def check_alive(self, name: str, today: date) -> str:
        """A warning for a model that ends within 30 days; empty when there is nothing to say.

        Raises:
            ConfigurationError: the model's last day is over; its successor is named.
        """
        facts = self.get(name)
        if facts.end_of_life is None or today < facts.end_of_life - WARN_BEFORE:
            return ""
        change = f"Use {facts.successor} instead." if facts.successor else "Choose another model."
        if today > facts.end_of_life:
            raise ConfigurationError(
                f"model {facts.id!r} reached its end of life on {facts.end_of_life}",
                remedy=f"{change} Set it in LLM_CONVERT_MODEL_FAST, _MAIN or _STRONG.",
            )
        days = (facts.end_of_life - today).days
        return f"model {facts.id!r} reaches its end of life on {facts.end_of_life}, in {days} days. {change}"


def load_models(override: Path | None = None) -> Models:
    """The built-in models, with a user's file laid over them.

    Args:
        override: YAML of the same form as the built-in one; what it leaves out stays as it is.

    Raises:
        ConfigurationError: the file is missing, is no YAML, or says something that is not understood.
    """
    builtin = files("llm_convert.completion").joinpath("models.yaml").read_text(encoding="utf-8")
    data = _mapping(yaml.safe_load(builtin), "models.yaml")
    if override is not None:
        data = _laid_over(data, _read(override), str(override))
    shared = {"regional_factor": data.pop("regional_factor")}
    data["models"] = {
        name: {"id": name, **shared, **_mapping(facts, f"models.{name}")} for name, facts in data["models"].items()
    }
    return parse(Models, data, where=str(override) if override else "models.yaml")


def _read(path: Path) -> dict[Any, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return _mapping(yaml.safe_load(text), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"LLM_CONVERT_PRICES: {path} can't be read: {error}", remedy="Name a YAML file in UTF-8."
        ) from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" in line {place.line + 1}" if place else ""
        raise ConfigurationError(f"LLM_CONVERT_PRICES: {path} is no YAML{line}", remedy="Correct the file.") from None


def _laid_over(builtin: dict[Any, Any], override: dict[Any, Any], where: str) -> dict[Any, Any]:
    models = {**builtin["models"]}
    for name, facts in _mapping(override.get("models", {}), f"{where}: models").items():
        models[name] = {**_mapping(models.get(name, {}), name), **_mapping(facts, f"{where}: models.{name}")}
    return {**builtin, **override, "models": models}


def _mapping(data: Any, where: str) -> dict[Any, Any]:
    if isinstance(data, dict):
        return data
    found = "nothing" if data is None else type(data).__name__
    raise ConfigurationError(
        f"{where}: expected names with values below them, found {found}",
        remedy="Write it as the built-in models.yaml does.",
    )


def check_models(settings: Settings, today: date) -> list[str]:
    """Warnings for the chosen Claude models that end soon.

    Raises:
        ConfigurationError: one of them is past its last day, or nobody knows it.
    """
    if not CLAUDE_PROVIDERS & set(settings.providers):
        return []
    models = load_models(settings.prices)
    names = dict.fromkeys(settings.model_for(tier) for tier in ModelTier)
    return [warning for name in names if (warning := models.check_alive(name, today))]
