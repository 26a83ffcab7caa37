"""A whole night with its state in Cloud Storage and its tables in DuckDB."""

from __future__ import annotations

import pytest
from google.cloud import storage

from llm_convert.contracts.work import Outcome
from llm_convert.stores.gcs_client import close_clients
from llm_convert.testing.emulators.gcs import GcsEmulator
from night import Night

SALES = '품목,판매일,금액(천원)\n샴푸,2025-11-03,"1,234"\n비누,25.11.04,(200)\n합계,,"1,034"\n'.encode("cp949")
VISITS = "일자,지점,객수\n2025-11-03,본점,12\n2025-11-03,강남점,0\n".encode("cp949")


@pytest.fixture
def emulator(monkeypatch):
    with GcsEmulator() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        owner = storage.Client(project="p")
        owner.create_bucket("nights")
        owner.close()
        yield running
        close_clients()


@pytest.mark.parametrize("lose_every", [0, 7])
def test_a_night_lands_once_whatever_answers_are_lost(emulator: GcsEmulator, night: Night, lose_every: int) -> None:
    emulator.dials.lose_every_nth_response = lose_every
    night.environ["LLM_CONVERT_STORE"] = "gs://nights/prod"
    night.drop("11월 매출.csv", SALES)
    night.drop("방문.csv", VISITS)
    report = night.through("email")
    assert [(item.outcome, item.rows) for item in report.items if item.work_item] == [(Outcome.SUCCEEDED, 2)]
    rows = night.rows("sales")
    assert [row["item"] for row in rows] == ["샴푸", "비누"]
    again = night.through("email")
    assert [item.reused for item in again.items if item.work_item] == [True]
    assert night.rows("sales") == rows
    assert not (night.home / "store").exists()
    keys = [info.key for info in night.store.list("tenants/t1/")]
    assert keys == sorted(keys, key=str.encode)
    assert any(key.endswith("/report.json") for key in keys)
