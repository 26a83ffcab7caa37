"""Landed tables as Airflow assets, so that other DAGs can be scheduled on them.

    with DAG("weekly_mail", schedule=[table_asset("c8cd3500", "weekly_profit")]): ...

Which tables a branch lands is known when it has landed them: prompts are not read when a DAG file is parsed. So a tag
task's outlet is an alias, and each table that landed becomes an event of its own asset when the task runs. A table that
did not land has no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias

from llm_convert.contracts.tenant import TenantConfig

if TYPE_CHECKING:
    from airflow.sdk import Context

SCHEME = "llm-convert"
GROUP = "llm_convert"


def table_asset(tenant: TenantConfig | str, table: str) -> Asset:
    """The asset of a landed table; its name and URI are ``llm-convert://<tenant>/<table>``.

    Args:
        tenant: a configuration or a customer code.
    """
    code = tenant if isinstance(tenant, str) else tenant.customer_code
    return Asset(f"{SCHEME}://{code}/{table}", group=GROUP)


def branch_alias(tenant: TenantConfig | str, source: str) -> AssetAlias:
    """The alias of all tables that one branch lands: ``llm-convert-<tenant>-<source>``."""
    code = tenant if isinstance(tenant, str) else tenant.customer_code
    return AssetAlias(f"{SCHEME}-{code}-{source}", group=GROUP)


def tag_outlets(config: TenantConfig, source: str) -> list[AssetAlias]:
    """The outlets of a branch's tag task."""
    return [branch_alias(config, source)]


def emit_assets(context: Context, config: TenantConfig, source: str, result: Mapping[str, Any]) -> None:
    """Tell Airflow of each table that a tag task landed.

    The event's ``extra`` has ``rows`` that the table holds of this tenant, BSDA and branch, ``changed``: False when the
    same rows were there already, ``cost_usd``: decimal text, what the night's runs paid for them, ``run``, ``bsda`` and
    ``source``.

    Args:
        context: of a task that has ``tag_outlets`` as outlets.
        result: what the tag step returned.
    """
    events = context["outlet_events"][branch_alias(config, source)]
    for table, rows in result["tables"].items():
        extra = {
            "rows": rows,
            "changed": table in result["changed"],
            "cost_usd": result["cost_usd"].get(table, "0.000000"),
            "run": result["run"],
            "bsda": result["bsda"],
            "source": source,
        }
        events.add(table_asset(config, table), extra=extra)
