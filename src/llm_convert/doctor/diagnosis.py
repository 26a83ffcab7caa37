"""All checks, one after the other: what one of them raises harms no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llm_convert import wiring
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.doctor.credentials import check_credentials
from llm_convert.doctor.finding import Check, Finding, Patient, of_error, ok
from llm_convert.doctor.job import check_job
from llm_convert.doctor.machine import check_packages, check_timezones
from llm_convert.doctor.model import check_provider
from llm_convert.doctor.store import check_bucket, check_store
from llm_convert.doctor.warehouse import check_warehouse
from llm_convert.doctor.written import check_prompts_folder, check_tenants
from llm_convert.errors import LlmConvertError
from llm_convert.settings import Settings
from llm_convert.tenants import load_tenant

CHECKS: dict[str, Check] = {
    "packages": check_packages,
    "credentials": check_credentials,
    "store": check_store,
    "bucket": check_bucket,
    "warehouse": check_warehouse,
    "job": check_job,
    "provider": check_provider,
    "time zones": check_timezones,
    "prompts": check_prompts_folder,
    "tenants": check_tenants,
}
"""By the name that a check's finding has when the check itself fails."""


def diagnose(
    settings: Settings, environ: Mapping[str, str], *, tenant: str = "", call_model: bool = False
) -> tuple[Finding, ...]:
    """Look at all that the settings name. It raises nothing: whatever fails is a finding.

    Args:
        settings: those of the process.
        environ: its environment, for project and region of the models and for emulators.
        tenant: whose job, zone and configuration are looked at too; empty: no tenant's.
        call_model: make the smallest possible call of each model, which costs money.
    """
    config, found = _tenant(settings, tenant)
    patient = Patient(settings=settings, environ=environ, config=config, call_model=call_model)
    return (*found, *(finding for name, check in CHECKS.items() for finding in _checked(name, check, patient)))


def _checked(name: str, check: Check, patient: Patient) -> Iterator[Finding]:
    try:
        yield from check(patient)
    except Exception as error:  # noqa: BLE001 - a doctor who dies of a symptom tells nothing of the others
        yield of_error(name, error)


def _tenant(settings: Settings, tenant: str) -> tuple[TenantConfig | None, tuple[Finding, ...]]:
    if not tenant:
        return None, ()
    try:
        config = load_tenant(wiring.open_store(settings), tenant, folder=settings.tenants)
    except LlmConvertError as error:
        return None, (of_error(f"tenant {tenant}", error),)
    name = f" ({config.customer_name})" if config.customer_name else ""
    return config, (ok(f"tenant {tenant}", f"its configuration is read{name}"),)
