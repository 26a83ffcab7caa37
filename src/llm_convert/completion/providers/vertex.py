"""Claude on Vertex AI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from llm_convert.completion.providers.claude import ClaudeProvider, utc_today
from llm_convert.completion.providers.vertex_service import VertexService
from llm_convert.settings import Settings


class VertexProvider(ClaudeProvider):
    """Claude, served by Vertex AI.

    Args:
        settings: models, prices, timeout and token.
        environ: names project and region, see ``VertexPlace``.
        today: for the models' end of life.

    Raises:
        ConfigurationError: project, region or base URL are missing or wrong, or the prices can't be read.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], *, today: Callable[[], date] = utc_today
    ) -> None:
        super().__init__(VertexService(settings, environ), settings, today=today)
