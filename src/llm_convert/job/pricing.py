"""Pricing a tenant's run from the same settings, store and plan that the job itself would use."""

from __future__ import annotations

from collections.abc import Mapping

from llm_convert import wiring
from llm_convert.claims.heartbeat import Heartbeat
from llm_convert.claims.ledger import Ledger
from llm_convert.completion.models import CLAUDE_PROVIDERS, GLOBAL, ModelFacts, check_models, load_models
from llm_convert.completion.scopes import scopes_of
from llm_convert.contracts.bsda import parse_bsda
from llm_convert.contracts.budget import BudgetState
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.report import format_usd
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Failure
from llm_convert.conversion.opening import first_request
from llm_convert.conversion.workshop import Workshop
from llm_convert.documents import ReadOptions
from llm_convert.job.estimate import Estimate, Pricing, estimate
from llm_convert.job.plan import Narrowing, Planned, plan, read_entries
from llm_convert.objects import find_model
from llm_convert.pipeline.results import committed_reports
from llm_convert.ports import ObjectStore
from llm_convert.programs import ProgramStore, Shelf
from llm_convert.settings import Settings
from llm_convert.tenants import load_tenant

LEASE_SECONDS = 1.0
"""Nothing is claimed to price it."""
NIGHTS_LOOKED_AT = 5
"""Of earlier ones, for how many rows a prompt's documents give."""


def price_run(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    tenant: str,
    bsda: str,
    file_id: str | None = None,
    prompt_id: str | None = None,
    force: bool = False,
) -> tuple[Estimate, list[str]]:
    """The price of a run, and what a person should know before starting it.

    Args:
        force: as if nothing were done.

    Raises:
        ConfigurationError: tenant, ids or models are wrong, or a model is past its life.
    """
    bsda = parse_bsda(bsda)
    store, clock = wiring.open_store(settings), wiring.open_clock()
    warnings = check_models(settings, clock.now().date())
    config = load_tenant(store, tenant, folder=settings.tenants)
    prompts = wiring.open_prompts(settings)
    engine = wiring.open_engine(settings, environ)
    planned = plan(
        tenant,
        read_entries(store, tenant, bsda),
        prompts,
        Narrowing.of(config, prompts, file_id=file_id, prompt_id=prompt_id),
        engine,
        reading="hidden" if config.include_hidden_sheets else "visible",
    )
    ledger = Ledger(store, tenant, owner="estimate", run_id="estimate", lease_seconds=LEASE_SECONDS, clock=clock)
    workshop = Workshop(
        store=store,
        ledger=ledger,
        heartbeat=Heartbeat(LEASE_SECONDS),
        engine=engine,
        reading=ReadOptions(include_hidden_sheets=config.include_hidden_sheets, max_bytes=settings.max_document_bytes),
        run_id="estimate",
        bsda=bsda,
        max_output_tokens=settings.max_output_tokens,
        strategies=settings.strategies,
        programs=Shelf(ProgramStore(store, tenant)),
    )
    priced = estimate(
        planned,
        (lambda _entry: False) if force else (lambda entry: _is_paid(ledger, entry)),
        lambda item, prompt: first_request(item, prompt, workshop),
        _pricing(settings, environ, store, tenant),
    )
    return priced, [*warnings, *_budgets(settings, config, store, priced, bsda)]


def _is_paid(ledger: Ledger, entry: Planned) -> bool:
    """Ended for good, or answered already."""
    assert entry.is_work
    ending = ledger.result(entry.item_id) or ledger.failure(entry.item_id)
    if ending is not None and not (isinstance(ending, Failure) and ending.try_again):
        return True
    return ledger.reply(entry.item_id) is not None


def _pricing(settings: Settings, environ: Mapping[str, str], store: ObjectStore, tenant: str) -> Pricing:
    first = settings.providers[0]
    models = load_models(settings.prices) if first in CLAUDE_PROVIDERS else None
    rows = _rows_of_prompts(store, tenant)

    def facts_of(tier: ModelTier) -> ModelFacts | None:
        return models.get(settings.model_for(tier)) if models else None

    return Pricing(
        facts_of=facts_of,
        region=environ.get("CLOUD_ML_REGION", GLOBAL) if first == "vertex" else GLOBAL,
        rows_before=lambda prompt: rows.get(prompt.prompt_id),
    )


def _rows_of_prompts(store: ObjectStore, tenant: str) -> dict[str, float]:
    """By prompt, rows a document on average in the last nights."""
    from llm_convert.job.job import known_nights

    counts: dict[str, list[int]] = {}
    for night in known_nights(store, tenant)[-NIGHTS_LOOKED_AT:]:
        for report in committed_reports(store, tenant, night):
            for item in report.items:
                if item.prompt_id and item.rows:
                    counts.setdefault(item.prompt_id, []).append(item.rows + item.quarantined)
    return {name: sum(rows) / len(rows) for name, rows in counts.items()}


def _budgets(settings: Settings, config: TenantConfig, store: ObjectStore, priced: Estimate, bsda: str) -> list[str]:
    """Whether each budget bears what the run would likely cost."""
    said = []
    for scope in scopes_of(settings, config, bsda=bsda, launch_key="estimate")(wiring.open_clock().now()):
        state = find_model(store, scope.key, BudgetState) or BudgetState()
        left = scope.limit_microusd - state.bound_microusd
        bears = "bears" if left >= priced.costs.online else "does NOT bear"
        said.append(
            f"the budget of {scope.name} {bears} it: {format_usd(max(0, left))} of "
            f"{format_usd(scope.limit_microusd)} USD is left"
        )
    return said
