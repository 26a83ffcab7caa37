"""What Airflow's provider registry asks for. It must not import Airflow: Airflow imports it while it starts."""

from __future__ import annotations

from typing import Any

from llm_convert import __version__


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-llm-convert",
        "name": "LLM Convert",
        "description": "Turns many tenants' messy documents into proven table rows, with a model.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "LLM Convert",
                "external-doc-url": "https://pypi.org/project/airflow-provider-llm-convert/",
                "tags": ["software"],
            }
        ],
        "operators": [
            {"integration-name": "LLM Convert", "python-modules": ["llm_convert.airflow.operators"]},
        ],
        "triggers": [
            {"integration-name": "LLM Convert", "python-modules": ["llm_convert.airflow.triggers"]},
        ],
        "extra-links": [
            f"llm_convert.airflow.links.{name}"
            for name in ("ExecutionLink", "JobLogLink", "ReportLink", "StoreLink", "TableLink")
        ],
    }
