"""What a client must have exported to find the server."""

from __future__ import annotations

from collections.abc import Mapping

SERVICES = ("vertex", "anthropic", "openai", "ollama")
"""What the server speaks for."""


def environment_of(service: str, url: str, *, token: str | None, project: str, region: str) -> dict[str, str]:
    """The variables of one service.

    Raises:
        ValueError: there is no such service.
    """
    if service not in SERVICES:
        raise ValueError(f"service must be one of {', '.join(SERVICES)}, found {service!r}")
    found: Mapping[str, dict[str, str]] = {
        "vertex": {
            "LLM_CONVERT_PROVIDER": "vertex",
            "LLM_CONVERT_VERTEX_ACCESS_TOKEN": token or "local-token",
            "ANTHROPIC_VERTEX_BASE_URL": f"{url}/v1",
            "ANTHROPIC_VERTEX_PROJECT_ID": project,
            "CLOUD_ML_REGION": region,
        },
        "anthropic": {
            "LLM_CONVERT_PROVIDER": "anthropic",
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": token or "local-key",
        },
        "openai": {
            "LLM_CONVERT_PROVIDER": "internal",
            "INTERNAL_LLM_BASE_URL": f"{url}/openai/v1",
            "INTERNAL_LLM_API_KEY": token or "local-key",
            "INTERNAL_LLM_MODEL": "local-model",
        },
        "ollama": {
            "LLM_CONVERT_PROVIDER": "ollama",
            "OLLAMA_BASE_URL": url,
            "OLLAMA_MODEL": "qwen3:8b",
        },
    }
    return found[service]
