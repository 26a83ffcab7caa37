"""Which budgets a call must fit: those of the settings and of the tenant's configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from llm_convert.completion.budget import Scope
from llm_convert.contracts import keys
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.settings import Settings


def scopes_of(
    settings: Settings, config: TenantConfig, *, bsda: str, launch_key: str
) -> Callable[[datetime], Sequence[Scope]]:
    """The budgets of a call made at a time; none where nothing is limited."""
    tenant = config.customer_code
    run = _smaller(settings.budget_run_usd, config.budget_run_usd)
    month_of_tenant = _smaller(settings.budget_tenant_usd, config.budget_month_usd)

    def at(now: datetime) -> Sequence[Scope]:
        month = now.strftime("%Y-%m")
        found = []
        if run is not None:
            key = keys.run_budget(tenant, bsda, launch_key)
            found.append(_scope(key, run, "the run", "LLM_CONVERT_BUDGET_RUN_USD or budget_run_usd"))
        if month_of_tenant is not None:
            name, key = f"tenant {tenant} in {month}", keys.tenant_budget(tenant, month)
            found.append(_scope(key, month_of_tenant, name, "LLM_CONVERT_BUDGET_TENANT_USD or budget_month_usd"))
        if settings.budget_month_usd is not None:
            name, key = f"all tenants in {month}", keys.month_budget(month)
            found.append(_scope(key, settings.budget_month_usd, name, "LLM_CONVERT_BUDGET_MONTH_USD"))
        return found

    return at


def _smaller(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    given = [amount for amount in (one, other) if amount is not None]
    return min(given) if given else None


def _scope(key: str, usd: Decimal, name: str, setting: str) -> Scope:
    return Scope(key=key, limit_microusd=int(usd * 1_000_000), name=name, setting=setting)
