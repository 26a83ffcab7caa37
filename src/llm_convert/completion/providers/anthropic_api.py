"""Claude on Anthropic's own API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from llm_convert.completion.providers.anthropic_service import AnthropicService
from llm_convert.completion.providers.claude import ClaudeProvider, utc_today
from llm_convert.settings import Settings


class AnthropicProvider(ClaudeProvider):
    """Claude, served by Anthropic.

    Args:
        settings: models, prices, timeout and key.
        environ: names the key and the base URL.
        today: for the models' end of life.

    Raises:
        ConfigurationError: the key is missing, the base URL is wrong, or the prices can't be read.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], *, today: Callable[[], date] = utc_today
    ) -> None:
        super().__init__(AnthropicService(settings, environ), settings, today=today)
