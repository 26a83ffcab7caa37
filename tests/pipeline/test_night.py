from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.errors import ConfigurationError, DataError
from night import Night

SALES = '품목,판매일,금액(천원)\n샴푸,2025-11-03,"1,234"\n비누,25.11.04,(200)\n합계,,"1,034"\n'.encode("cp949")
WRONG_TOTAL = "품목,판매일,금액\n샴푸,2025-11-03,10\n비누,2025-11-04,20\n합계,,31\n".encode()
VISITS = "일자,지점,객수\n2025-11-03,본점,12\n2025-11-03,강남점,0\n2025-11-04,본점,x\n".encode("cp949")


def test_a_document_for_the_model_lands_on_the_results_branch(night: Night) -> None:
    night.drop("11월 매출.csv", SALES)
    report = night.through("email")
    assert [(item.outcome, item.rows) for item in report.items] == [(Outcome.SUCCEEDED, 2)]
    rows = night.rows("sales")
    assert [(row["item"], row["sold_on"], row["amount"]) for row in rows] == [
        ("샴푸", datetime.date(2025, 11, 3), Decimal("1234000")),
        ("비누", datetime.date(2025, 11, 4), Decimal("-200000")),
    ]
    assert rows[0]["_tenant"] == "t1"
    assert rows[0]["_bsda"] == night.bsda
    assert rows[0]["_branch"] == "email"
    assert rows[0]["_document"] == "11월 매출.csv"
    assert rows[0]["_prompt_id"] == "sales_lines"
    assert rows[0]["_run"] == report.run_id
    assert '"11월 매출!C2", "11월 매출!C1"' in rows[0]["_cells"]
    night.step("check")


def test_a_second_run_does_nothing_again_and_changes_no_table(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.drop("방문.csv", VISITS)
    night.through("email")
    before = night.rows("sales")
    again = night.through("email")
    assert [item.reused for item in again.items if item.work_item] == [True]
    assert night.step("tag", "email")["changed"] == []
    assert night.rows("sales") == before


def test_force_does_it_again(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.through("email")
    report, _ = night.job(LLM_CONVERT_FORCE="true")
    assert [item.reused for item in report.items] == [False]


def test_tidy_documents_land_without_a_model(night: Night) -> None:
    night.drop("방문 11월.csv", VISITS)
    night.step("crawler")
    assert night.step("fileid_mapping") == {"documents": 1, "mapped": 1, "tidy": 1, "unmapped": 0}
    report = night.step("filter")
    assert (report["rows"], report["rejected"], report["quarantined"]) == ({"visits": 1}, {"visits": 1}, {"visits": 1})
    night.step("converter")
    assert night.step("tag") == {
        "rows": 1,
        "changed": ["visits"],
        "unchanged": [],
        "tables": {"visits": 1},
        "cost_usd": {"visits": "0.000000"},
        "run": "",
        "bsda": night.bsda,
    }
    assert night.rows("visits")[0]["visitors"] == 12
    rejected = night.store.read(f"tenants/t1/runs/{night.bsda}/steps/shared_drive/filter/rejected.jsonl").data.decode()
    assert "closed that day" in rejected
    with pytest.raises(DataError, match="1 rows of visits were quarantined by filter-shared_drive"):
        night.step("check")


def test_check_is_red_for_a_bad_document_while_the_good_ones_flow(night: Night) -> None:
    night.drop("매출 좋음.csv", SALES)
    night.drop("매출 합계틀림.csv", WRONG_TOTAL)
    night.drop("매출 손상.xlsx", b"PK\x03\x04 broken")
    night.drop("매출 빈파일.csv", b"")
    report = night.through("email")
    outcomes = {item.document: (item.outcome, item.cause) for item in report.items}
    assert outcomes["매출 좋음.csv"] == (Outcome.SUCCEEDED, None)
    assert outcomes["매출 합계틀림.csv"] == (Outcome.CLARIFY, Cause.TOTALS_DISAGREE)
    assert outcomes["매출 빈파일.csv"] == (Outcome.FAILED, Cause.EMPTY_DOCUMENT)
    assert outcomes["매출 손상.xlsx"][0] is Outcome.FAILED
    assert len(night.rows("sales")) == 2
    with pytest.raises(DataError, match="3 need a person; everything else has been landed") as caught:
        night.step("check")
    assert "매출 합계틀림.csv under sales_lines: CLARIFY, totals_disagree. Compare the document's totals" in str(
        caught.value
    )
    assert "llm-convert report t1 20251107230000" in str(caught.value)
    assert "31" not in str(caught.value), "what documents say stays out of logs"


def test_unmapped_documents_are_told_and_harm_nothing(night: Night) -> None:
    night.drop("회의록.txt", "회의 내용".encode())
    report = night.through("email")
    assert [(item.outcome, item.cause) for item in report.items] == [(Outcome.SKIPPED, Cause.UNMAPPED)]
    assert night.step("check")["skipped"] == 1


def test_an_empty_night_succeeds_and_says_so(night: Night) -> None:
    report = night.through("email")
    assert report.items == ()
    assert night.step("check") == {"succeeded": 0, "skipped": 0, "rejected": 0}


def test_a_second_night_takes_only_new_documents(night: Night) -> None:
    night.drop("매출 1주.csv", SALES)
    night.through("email")
    night.drop("매출 2주.csv", SALES.replace("샴푸".encode("cp949"), "로션".encode("cp949")))
    night.bsda = "20251108230000"
    assert night.step("crawler") == {"files": 1, "new": 1, "taken_before": 1}
    night.through("email")
    assert [row["item"] for row in night.rows("sales")] == ["샴푸", "비누", "로션", "비누"]
    night.bsda = "20251107230000"
    assert night.step("crawler") == {"files": 1, "new": 0, "taken_before": 1}


def test_a_narrowed_run_adds_and_removes_nothing(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.through("email")
    before = night.rows("sales")
    night.drop("매출 2.csv", SALES.replace("샴푸".encode("cp949"), "로션".encode("cp949")))
    report = night.through("email", PROMPT_ID="any_table")
    assert {item.prompt_id for item in report.items} == {"any_table"}
    assert night.rows("sales") == before
    night.through("email", FILE_ID="SALES")
    assert [row["item"] for row in night.rows("sales")] == ["로션", "비누", "샴푸", "비누"]


def test_a_table_is_emptied_when_its_rows_are_gone(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.through("email")
    assert len(night.rows("sales")) == 2
    impossible = [{"field": "amount", "op": ">", "value": 10**9}]
    night.config = TenantConfig.model_validate({**night.config.model_dump(), "filters": {"sales": impossible}})
    for name in ("filter", "converter", "tag"):
        night.step(name, "email")
    assert night.rows("sales") == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"FILE_ID": "SALE"}, r"unknown FILE_ID 'SALE' in tenant t1. Did you mean 'SALES'\? Known: SALES, VISITS."),
        ({"PROMPT_ID": "sales_line"}, r"unknown PROMPT_ID 'sales_line'. Did you mean 'sales_lines'\?"),
        ({"TENANT_CODE": "t2"}, "unknown .*'t2'"),
        ({"TENANT_CODE": ""}, "TENANT_CODE is not set"),
        ({"TENANT_CODE": "../t1"}, "is no code"),
        ({"BSDA": ""}, "BSDA is not set"),
        ({"BSDA": "2025"}, "BSDA must be 8 or 14 digits"),
    ],
)
def test_bad_variables_are_told_with_the_remedy(night: Night, variables: dict[str, str], said: str) -> None:
    night.step("crawler")
    with pytest.raises(ConfigurationError, match=said):
        night.job(**variables)


def test_a_wrong_prompt_stops_the_run_before_anything_is_done(night: Night) -> None:
    night.step("crawler")
    (night.home / "prompts" / "bad.yaml").write_text("prompt_id: bad\nfile_ids: [X]\ninstructions: x\noutptu: {}\n")
    with pytest.raises(ConfigurationError, match=r"unknown key 'outptu' in .*bad.yaml. Did you mean 'output'"):
        night.job()


def test_a_missing_folder_is_told(night: Night) -> None:
    (night.home / "drive").rmdir()
    with pytest.raises(ConfigurationError, match=r"the folder .* of source 'shared_drive' does not exist"):
        night.step("crawler")


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            {"sale": [{"field": "amount", "op": ">", "value": 0}]},
            "unknown table 'sale' in filters. Did you mean 'sales'",
        ),
        (
            {"sales": [{"field": "amuont", "op": ">", "value": 0}]},
            "unknown column 'amuont' in filters.sales. Did you mean 'amount'",
        ),
    ],
)
def test_a_filter_that_would_let_everything_through_is_refused(night: Night, filters: object, said: str) -> None:
    night.drop("매출.csv", SALES)
    night.through("email")
    night.config = TenantConfig.model_validate({**night.config.model_dump(), "filters": filters})
    with pytest.raises(ConfigurationError, match=said):
        night.step("filter", "email")


def test_the_same_bytes_under_two_names_are_done_and_landed_once(night: Night) -> None:
    for name in ("매출.csv", "매출 사본.csv"):
        night.drop(name, SALES)
    for name in ("방문.csv", "방문 사본.csv"):
        night.drop(name, "일자,지점,객수\n2025-11-03,본점,12\n".encode())
    report = night.through("email")
    causes = {item.document: item.cause for item in report.items if item.file_id == "SALES"}
    assert causes == {"매출 사본.csv": None, "매출.csv": Cause.DUPLICATE}
    assert len(night.rows("sales")) == 2
    for name in ("filter", "converter", "tag"):
        night.step(name)
    assert len(night.rows("visits")) == 1
    assert night.step("check")["skipped"] == 3
