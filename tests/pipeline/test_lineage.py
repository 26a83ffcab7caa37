from __future__ import annotations

import json

import pytest

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Cause
from llm_convert.errors import ConfigurationError
from llm_convert.pipeline.parquet import TAG_COLUMNS
from night import Night

SALES = '품목,판매일,금액(천원)\n샴푸,2025-11-03,"1,234"\n비누,25.11.04,(200)\n합계,,"1,034"\n'.encode("cp949")
VISITS = "일자,지점,객수\n2025-11-03,본점,12\n2025-11-03,강남점,0\n2025-11-04,본점,x\n".encode("cp949")


def held(night: Night) -> list[dict[str, object]]:
    return night.rows("llm_convert_quarantine")


def test_each_input_is_told_with_what_it_gave(night: Night) -> None:
    night.drop("매출.csv", SALES)
    report = night.through("email")
    (line,) = night.rows("llm_convert_lineage")
    assert (line["table_name"], line["landed"], line["held_back"]) == ("sales", 2, 0)
    assert (line["_document"], line["_prompt_id"], line["_run"]) == ("매출.csv", "sales_lines", report.run_id)
    assert line["_document_sha256"] == night.rows("sales")[0]["_document_sha256"]
    assert (line["_tenant"], line["_bsda"], line["_branch"]) == ("t1", night.bsda, "email")
    assert "llm_convert_quarantine" not in night.warehouse.tables()


def test_rows_that_were_held_back_lie_in_the_quarantine_with_their_cells(night: Night) -> None:
    night.drop("방문.csv", VISITS)
    for name in ("crawler", "fileid_mapping", "filter", "converter", "tag"):
        night.step(name)
    rows = {row["verdict"]: row for row in held(night)}
    assert set(rows) == {"rejected", "quarantined"}
    assert json.loads(rows["rejected"]["row_values"])["visitors"] == 0
    assert "closed that day" in json.loads(rows["rejected"]["reasons"])
    assert (rows["quarantined"]["step"], rows["quarantined"]["table_name"]) == ("filter", "visits")
    assert "C4" in rows["quarantined"]["_cells"]
    assert night.rows("llm_convert_lineage")[0]["held_back"] == 2


def test_rows_of_a_document_that_failed_are_in_the_quarantine_too(night: Night) -> None:
    night.drop("매출.csv", "품목,판매일,금액\n샴푸,2025-11-03,미정\n비누,2025-11-04,미정\n".encode())
    (item,) = night.through("email").items
    assert item.cause is Cause.NOTHING_PROVEN
    assert [(row["step"], row["table_name"], row["_document"]) for row in held(night)] == [
        ("job", "sales", "매출.csv")
    ] * 2
    assert held(night)[0]["_provider"] == "rules"
    assert "sales" not in night.warehouse.tables()


def test_a_rerun_changes_neither_table(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.drop("방문.csv", VISITS)
    night.through("email")
    for name in ("filter", "converter", "tag"):
        night.step(name)
    before = (held(night), night.rows("llm_convert_lineage"))
    night.through("email")
    night.step("tag")
    assert (held(night), night.rows("llm_convert_lineage")) == before


def test_the_quarantine_is_emptied_when_its_rows_are_gone(night: Night) -> None:
    night.drop("방문.csv", VISITS)
    for name in ("crawler", "fileid_mapping", "filter", "converter", "tag"):
        night.step(name)
    assert held(night)
    for name in ("filter/rejected.jsonl", "filter/quarantined.jsonl"):
        key = f"tenants/t1/runs/{night.bsda}/steps/shared_drive/{name}"
        night.store.replace(key, b"", if_version=night.store.read(key).version)
    night.step("tag")
    assert held(night) == []


def test_a_table_with_the_name_of_the_lineage_is_refused(night: Night) -> None:
    text = night.config.model_dump_json().replace('"visits"', '"llm_convert_lineage"')
    night.config = TenantConfig.model_validate_json(text)
    night.drop("방문.csv", VISITS)
    for name in ("crawler", "fileid_mapping", "filter", "converter"):
        night.step(name)
    with pytest.raises(ConfigurationError, match="llm_convert_lineage"):
        night.step("tag")


def test_no_tag_has_a_name_that_bigquery_keeps_for_itself() -> None:
    reserved = ("_partition", "_table_", "_file_", "_row_timestamp", "__root__", "_colidentifier")
    assert not [name for name in TAG_COLUMNS if name.startswith(reserved)]
