"""What the server would charge, by arithmetic of its own, so that a client's account is compared with another's."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from llm_convert.testing.model_server.tokens import Tokens

PriceList = Mapping[str, Mapping[str, Decimal | str | int]]
"""By model what is charged for it, under the names of ``USUAL``."""

USUAL: Mapping[str, Decimal] = {
    "usd_input": Decimal(0),
    "usd_output": Decimal(0),
    "cache_read": Decimal("0.1"),
    "cache_write": Decimal("1.25"),
    "cache_write_1h": Decimal(2),
    "regional_factor": Decimal("1.1"),
    "batch": Decimal("0.5"),
    "long_prompt_above": Decimal("Infinity"),
    "long_prompt_factor": Decimal(1),
}
"""USD for a million tokens of input and of output, and what else they are multiplied by; where a model says nothing."""


class Tariff:
    """Charges calls.

    Args:
        prices: by model; one that is not named costs nothing.

    Raises:
        ValueError: a price has a name that is not known.
    """

    def __init__(self, prices: PriceList) -> None:
        self._prices: dict[str, dict[str, Decimal]] = {}
        for model, given in prices.items():
            unknown = sorted(set(given) - set(USUAL))
            if unknown:
                raise ValueError(f"prices of {model!r}: {', '.join(unknown)} not known; known are {', '.join(USUAL)}")
            self._prices[model] = {**USUAL, **{name: Decimal(value) for name, value in given.items()}}

    def microusd(self, model: str, region: str, tokens: Tokens, *, batch: bool) -> int:
        """What one call costs, halves of a micro-dollar rounded up."""
        price = self._prices.get(model) or self._prices.get(model.partition("@")[0])
        if price is None:
            return 0
        short_lived = tokens.cache_write - tokens.cache_write_long
        # In tokens of plain input. A price in USD for a million tokens is one in micro-dollars for a single token.
        prompt = (
            Decimal(tokens.fresh)
            + tokens.cache_read * price["cache_read"]
            + short_lived * price["cache_write"]
            + tokens.cache_write_long * price["cache_write_1h"]
        )
        cost = prompt * price["usd_input"] + tokens.output * price["usd_output"]
        if tokens.prompt > price["long_prompt_above"]:
            cost *= price["long_prompt_factor"]
        if region != "global":
            cost *= price["regional_factor"]
        if batch:
            cost *= price["batch"]
        return int(cost.to_integral_value(ROUND_HALF_UP))
