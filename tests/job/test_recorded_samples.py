"""The model's path over the sample documents, from replies on file: programs in the first week, no call in the second.

The replies are of a model that was given each request as it is sent, once. After a change of what is sent (the
instruction for programs, a sample, its prompt) they must be recorded anew; see CONTRIBUTING.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llm_convert.cli.demo import NIGHTS, RECORDED
from llm_convert.contracts.report import Report
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS
from llm_convert.tenants import publish_tenant
from night import Night

REPOSITORY = Path(__file__).parents[2]
KINDS = {
    "STOCK_LIST": "*재고현황*",
    "PRODUCTION_REPORT": "*Production*",
    "PURCHASE_ORDER": "*발주서*",
    "WEEKLY_PROFIT_AND_LOSS": "*주간손익*",
    "RESERVATION_REPORT": "*예약현황*",
    "SETTLEMENT": "*정산서*",
}


def weeks(home: Path, **environ: str) -> tuple[Night, list[Report]]:
    """Both weeks, one after the other, and what their reports say."""
    (home / "drive").mkdir(parents=True)
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": kind, "glob": glob} for kind, glob in KINDS.items()],
    }
    environ = {"LLM_CONVERT_PROMPTS": str(REPOSITORY / "jobs" / "prompts"), **environ}
    night = Night(home=home, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    reports = []
    for week, bsda in NIGHTS.items():
        for sample in SAMPLES:
            if sample.file_id in KINDS and not sample.spoilt:
                night.drop(sample.file_name(WEEKS[week]), sample.make(WEEKS[week]))
        night.bsda = bsda
        reports.append(night.through())
    return night, reports


def landed(night: Night) -> dict[str, list[str]]:
    def values(row: dict[str, Any]) -> str:
        return repr({name: value for name, value in row.items() if not name.startswith("_")})

    return {table: sorted(map(values, night.rows(table))) for table in night.warehouse.tables() if table[0] != "_"}


def test_a_model_writes_five_programs_in_the_first_week_and_is_asked_nothing_for_them_in_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERNAL_LLM_MODEL", RECORDED["INTERNAL_LLM_MODEL"])
    recorded = {**RECORDED, "LLM_CONVERT_RECORDINGS": str(REPOSITORY / RECORDED["LLM_CONVERT_RECORDINGS"])}
    night, (first, second) = weeks(tmp_path / "recorded", **recorded)
    assert Counter(item.strategy for item in first.items) == {"program": 5, "direct": 1}
    assert first.usage.calls == 6, "each is right at the first attempt"
    assert Counter(item.strategy for item in second.items) == {"kept": 5, "direct": 1}
    assert second.usage.calls == 1, "a PDF has no layout to write a program for"
    assert sum(item.quarantined for report in (first, second) for item in report.items) == 0
    by_rules, _ = weeks(tmp_path / "rules")
    assert landed(night) == landed(by_rules)
