"""A tenant whose shared drive is a folder of published workbooks that nobody here made."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Outcome
from night import Night

ROWS = {
    "argentina_case1.xlsx": 347,
    "argentina_case2.xlsx": 3134,
    "argentina_case3.xlsx": 339,
    "cashflows.xlsx": 455,
    "school.xlsx": 205,
    "toronto_transit.xlsx": 1010,
    "us-crime-2.xlsx": 4092,
    "vaccinations.xlsx": 10336,
}


@pytest.fixture
def landed(night: Night, real_workbooks: Path) -> Night:
    night.config = TenantConfig.model_validate(
        {
            "customer_code": "published",
            "prompt_id": "any_table",
            "sources": {"shared_drive": {"id": "s1", "url": real_workbooks.as_uri(), "llm_transform": True}},
            "file_mapping": [{"file_id": "WORKBOOK", "glob": "*.xlsx"}, {"file_id": "SERIES", "glob": "*.csv"}],
            "file_id": "WORKBOOK",
        }
    )
    return night


def test_every_workbook_is_landed_or_has_a_named_outcome(landed: Night, real_workbooks: Path) -> None:
    report = landed.through("shared_drive")
    outcomes = {item.document: item for item in report.items if item.file_id == "WORKBOOK"}
    assert set(outcomes) == {path.name for path in real_workbooks.glob("*.xlsx")}
    for name, rows in ROWS.items():
        item = outcomes[name]
        assert (item.outcome, item.quarantined) == (Outcome.SUCCEEDED, 0), item.detail
        assert item.rows == rows
    assert landed.warehouse.preview("any_table").total == sum(item.rows for item in outcomes.values())
    landed.step("check")


def test_the_landed_values_are_those_that_others_expect(landed: Night, real_workbooks: Path) -> None:
    """Each period and value of the published answer for the price index stands in the landed table."""
    landed.through("shared_drive")
    rows = {
        (row["row_path"], row["column_path"]): row["value"]
        for row in landed.rows("any_table")
        if row["_document"] == "argentina_case1.xlsx"
    }
    with (real_workbooks / "expected" / "argentina_case1.Hoja1.csv").open(encoding="utf-8") as file:
        expected = list(csv.reader(file))[1:]
    assert len(expected) > 200
    for period, index, *_ in expected:
        assert float(rows[(period[:10], "IPC-CqP")]) == pytest.approx(float(index), rel=1e-12)
