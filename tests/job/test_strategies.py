"""Strategies in a run: their order by prompt and settings, one program for a layout, drift, and the second week."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_convert.cli.main import main
from llm_convert.contracts import keys
from llm_convert.contracts.report import Report
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.programs import ProgramStore, load_program
from llm_convert.prompts import load_library
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer, asks_for_program, programs, text_of
from night import Night

REPOSITORY = Path(__file__).parents[2]
SAMPLE_PROGRAMS = REPOSITORY / "tests" / "programs" / "samples"
DOCUMENTS = 12
SECOND_NIGHT = "20251114230000"


def program(item: str, day: str, amount: str) -> dict[str, Any]:
    fields = {"item": {"column": f"^{item}$"}, "sold_on": {"column": f"^{day}$"}, "amount": {}}
    return {"tables": [{"anchor": f"^{item}$", "values": f"^{amount}$", "fields": fields}]}


SALES = program("품목", "판매일", "금액")
OTHER = program("상품명", "판매일자", "매출액")
RENAMED = program("품목", "판매일", "판매금액")


def sheet(n: int, header: str = "품목,판매일,금액") -> bytes:
    lines = [f"샴푸{n},2025-11-{day:02d},{n}{day:02d}00" for day in range(3, 3 + n % 3 + 2)]
    return "\n".join([header, *lines, ""]).encode()


class Model:
    """Writes programs by what stands in the sheet, gives no rows, and remembers what it was asked for."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self._write = programs({"판매일자": OTHER, "판매금액": RENAMED, "판매일": SALES})
        self._seconds = seconds
        self._lock = threading.Lock()
        self.asked: list[str] = []
        self.texts: list[str] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.asked.append("program" if asks_for_program(request) else "rows")
            self.texts.append(text_of(request))
        time.sleep(self._seconds)
        return self._write(request)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=Model()) as running:
        yield running


@pytest.fixture
def sales(night: Night, server: ModelServer) -> Night:
    night.environ = server.environment()
    publish_tenant(night.store, night.config)
    return night


def converted(night: Night, **variables: str) -> Report:
    night.crawl()
    report, _ = night.job(**variables)
    return report


def ordered(night: Night, *names: str) -> None:
    path = night.home / "prompts" / "sales_lines.yaml"
    path.write_text(f"{path.read_text(encoding='utf-8')}strategies: [{', '.join(names)}]\n", encoding="utf-8")


def by_strategy(report: Report) -> Counter[str]:
    assert {item.outcome for item in report.items} == {Outcome.SUCCEEDED}
    return Counter(item.strategy for item in report.items)


def test_a_layout_s_program_is_paid_for_once_however_many_documents_have_it(sales: Night, server: ModelServer) -> None:
    model = server.answer_with = Model(seconds=0.2)
    for n in range(DOCUMENTS):
        sales.drop(f"매출 {n:02d}.csv", sheet(n))
    report = converted(sales)
    assert by_strategy(report) == {"program": 1, "kept": DOCUMENTS - 1}
    assert model.asked == ["program"]
    assert report.usage.calls == 1
    assert sum(item.rows for item in report.items) == sum(n % 3 + 2 for n in range(DOCUMENTS))
    assert report.drifted == 0
    (kept,) = ProgramStore(sales.store, "t1").all()
    assert kept.proven_on > 1


def test_two_layouts_at_once_are_two_calls(sales: Night, server: ModelServer) -> None:
    model = server.answer_with = Model(seconds=0.2)
    # With the cache on, one call goes first to fill it: the instruction is the same for all layouts.
    sales.environ["LLM_CONVERT_PROMPT_CACHE"] = "off"
    for n in range(DOCUMENTS):
        header = "상품명,판매일자,매출액" if n % 2 else "품목,판매일,금액"
        sales.drop(f"매출 {n:02d}.csv", sheet(n, header))
    report = converted(sales)
    assert by_strategy(report) == {"program": 2, "kept": DOCUMENTS - 2}
    assert model.asked == ["program"] * 2
    assert server.peak_in_flight == 2, "another layout waits for nobody"
    assert report.drifted == 0, "another layout is no drift"


def test_a_layout_for_which_no_program_is_right_is_given_up(sales: Night, server: ModelServer) -> None:
    sales.environ["LLM_CONVERT_REPAIRS"] = "0"
    for n in range(DOCUMENTS):
        sales.drop(f"매출 {n:02d}.csv", sheet(n, "이름,날짜,값"))
    report = converted(sales)
    assert {item.outcome for item in report.items} == {Outcome.CLARIFY}
    assert Counter(server.answer_with.asked) == {"program": 2, "rows": DOCUMENTS}


@pytest.mark.parametrize("service", ["anthropic"])
def test_a_batch_carries_one_program_a_layout(sales: Night, server: ModelServer, service: str) -> None:
    sales.environ = {
        **server.environment(service),
        "LLM_CONVERT_PROVIDER": service,
        "LLM_CONVERT_BATCH": "on",
    }
    for n in range(DOCUMENTS):
        header = "상품명,판매일자,매출액" if n % 2 else "품목,판매일,금액"
        sales.drop(f"매출 {n:02d}.csv", sheet(n, header))
    report = converted(sales)
    assert by_strategy(report) == {"program": 2, "kept": DOCUMENTS - 2}
    assert server.answer_with.asked == ["program"] * 2
    assert "batch" in {record.method for record in server.ledger if record.status == 200}


def test_a_program_under_way_in_a_batch_is_waited_for_after_a_kill(sales: Night, server: ModelServer) -> None:
    sales.environ = {
        **server.environment("anthropic"),
        "LLM_CONVERT_PROVIDER": "anthropic",
        "LLM_CONVERT_BATCH": "on",
        "LLM_CONVERT_LEASE_SECONDS": "2",
    }
    for n in range(DOCUMENTS):
        header = "상품명,판매일자,매출액" if n % 2 else "품목,판매일,금액"
        sales.drop(f"매출 {n:02d}.csv", sheet(n, header))
    sales.crawl()
    server.dials.batch_seconds = 2
    place = {"TENANT_CODE": "t1", "BSDA": sales.bsda, "LLM_CONVERT_RUN_ID": "batch-01"}
    environ = {**os.environ, **sales.settings.to_environment(), **sales.environ, **place}
    job = subprocess.Popen([sys.executable, "-m", "llm_convert.job"], env=environ, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not any(b'"handle":"msgbatch' in sales.store.read(i.key).data for i in sales.store.list(keys.batches("t1"))):
        assert time.monotonic() < until
        time.sleep(0.05)
    job.kill()
    job.wait(timeout=20)
    report, _ = sales.job(LLM_CONVERT_RUN_ID="batch-02")
    assert by_strategy(report) == {"program": 2, "kept": DOCUMENTS - 2}
    assert server.answer_with.asked == ["program"] * 2


def test_a_layout_that_drifted_is_repaired_with_the_old_program_at_hand(
    sales: Night, server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sales.drop("매출 1.csv", sheet(1))
    assert by_strategy(converted(sales)) == {"program": 1}
    (old,) = ProgramStore(sales.store, "t1").all()
    sales.bsda = SECOND_NIGHT
    for n in range(4):
        sales.drop(f"매출 2-{n}.csv", sheet(n, "품목,판매일,판매금액"))
    report = converted(sales)
    assert by_strategy(report) == {"program": 1, "kept": 3}
    assert server.answer_with.asked == ["program"] * 2
    told = server.answer_with.texts[-1]
    assert load_program(old.program).dumps() in told
    assert "금액" in told.split("What is wrong with it")[1]
    repaired = next(item for item in report.items if item.strategy == "program")
    assert old.id in repaired.drift
    assert repaired.drift in repaired.detail
    assert report.drifted == 1
    found = {kept.id: kept for kept in ProgramStore(sales.store, "t1").all()}
    (new,) = found.keys() - {old.id}
    assert old.id in found, "both layouts are known"
    assert (found[new].version, found[new].replaces) == (2, old.id)
    for name, value in sales.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    assert main(["report", "t1", SECOND_NIGHT]) == 0
    said = capsys.readouterr().out
    assert "drifted" in said
    assert f"{repaired.document}: {repaired.drift}" in said
    assert "3 by kept, 1 by program; 1 drifted" in said


def test_blanks_that_proven_weeks_have_shown_cost_no_call(sales: Night, server: ModelServer) -> None:
    for week, blanks in enumerate((0, 3, 3, 6)):
        sales.bsda = f"202511{7 * week + 1:02}230000"
        lines = [f"샴푸{n},{'' if n < blanks else f'2025-11-0{n + 1}'},{week}{n}00" for n in range(6)]
        sales.drop(f"매출 {week}.csv", "\n".join(["품목,판매일,금액", *lines, ""]).encode())
        line = next(item for item in converted(sales).items if not item.reused)
        assert (line.outcome, line.strategy, line.rows) == (Outcome.SUCCEEDED, "kept" if week else "program", 6)
    assert server.answer_with.asked == ["program"]


def test_a_pinned_program_is_never_replaced(sales: Night, server: ModelServer) -> None:
    sales.drop("매출 1.csv", sheet(1))
    converted(sales)
    store = ProgramStore(sales.store, "t1")
    (old,) = store.all()
    # Its layout is the new sheet's, but it gives another row: nothing that it gives is proven.
    pinned = old.model_copy(update={"pinned": True, "program": {**SALES, "tables": [wrong_table()]}})
    store.put(pinned)
    sales.bsda = SECOND_NIGHT
    sales.drop("매출 2.csv", sheet(2))
    report = converted(sales)
    line = next(item for item in report.items if not item.reused)
    assert (line.outcome, line.strategy) == (Outcome.SUCCEEDED, "program")
    assert old.id in line.drift
    found = {kept.id: kept for kept in store.all()}
    assert found[old.id] == pinned
    (new,) = found.keys() - {old.id}
    assert new.startswith(f"{old.id}-"), "it stands beside the pinned one of its layout"
    assert found[new].version == 2
    sales.bsda = "20251121230000"
    sales.drop("매출 3.csv", sheet(4))
    again = next(item for item in converted(sales).items if not item.reused)
    assert (again.strategy, again.drift) == ("kept", "")


def test_the_same_program_twice_is_kept_once(sales: Night, server: ModelServer) -> None:
    for n in range(2):
        sales.drop(f"매출 {n}.csv", sheet(n))
    converted(sales)
    store = ProgramStore(sales.store, "t1")
    (kept,) = store.all()
    assert kept.proven_on == 2
    # As a parallel task would that wrote it at the same time, and knows of one document.
    assert store.put_beside(kept.model_copy(update={"proven_on": 1})).id == kept.id
    assert store.all() == [kept]


def wrong_table() -> dict[str, Any]:
    table = dict(SALES["tables"][0])
    return {**table, "fields": {**table["fields"], "amount": {"scale": 1}, "item": {"column": "^판매일$"}}}


def test_a_failure_after_drift_says_so(sales: Night, server: ModelServer) -> None:
    sales.drop("매출 1.csv", sheet(1))
    converted(sales)
    sales.bsda = SECOND_NIGHT
    sales.environ["LLM_CONVERT_STRATEGIES"] = "kept"
    sales.drop("매출 2.csv", sheet(2, "품목,판매일,판매금액"))
    line = next(item for item in converted(sales).items if not item.reused)
    assert (line.outcome, line.cause) == (Outcome.FAILED, Cause.NO_STRATEGY_LEFT)
    assert "drifted" in line.drift
    assert line.drift in line.detail
    assert "kept: " in line.detail
    assert "programs keep" in line.detail


def test_what_no_strategy_converts_is_done_by_the_next_run_once_one_can(sales: Night, server: ModelServer) -> None:
    ordered(sales, "kept", "rules")
    sales.drop("매출 1.csv", sheet(1, "상품명,판매일자,매출액"))
    (line,) = converted(sales).items
    assert line.cause is Cause.NO_STRATEGY_LEFT
    assert "kept: no program is kept" in line.detail
    assert "rules: " in line.detail
    assert server.received == 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sales.settings.to_environment().items():
            patch.setenv(name, value)
        (sales.home / "program.yaml").write_text(load_program(OTHER).to_yaml(), encoding="utf-8")
        keep = ["programs", "keep", "t1", str(sales.home / "drive" / "매출 1.csv"), "--prompt", "sales_lines"]
        assert main([*keep, "--program", str(sales.home / "program.yaml")]) == 0
    assert by_strategy(sales.job()[0]) == {"kept": 1}


def test_rules_are_taken_where_every_row_is_proven(sales: Night, server: ModelServer) -> None:
    ordered(sales, "rules", "direct")
    sales.drop("매출 1.csv", sheet(1))
    sales.drop("매출 2.csv", sheet(2) + "합계,,1\n".encode())
    lines = {item.document: item for item in converted(sales).items}
    good, bad = lines["매출 1.csv"], lines["매출 2.csv"]
    assert (good.outcome, good.strategy, good.usage.calls) == (Outcome.SUCCEEDED, "rules", 0)
    assert bad.outcome is Outcome.CLARIFY, "the model was asked, for the stated total is not the sum"
    assert "rules find is not proven" in bad.detail
    assert server.answer_with.asked == ["rows"]


def test_a_prompt_s_own_order_outranks_the_settings(sales: Night, server: ModelServer) -> None:
    sales.environ["LLM_CONVERT_STRATEGIES"] = "rules"
    ordered(sales, "direct")
    sales.drop("매출 1.csv", sheet(1))
    (line,) = converted(sales).items
    assert line.outcome is Outcome.CLARIFY
    assert server.answer_with.asked == ["rows"]


def test_letters_are_never_written_a_program_for(sales: Night, server: ModelServer) -> None:
    sales.drop("매출 알림.txt", "지난주에는 샴푸가 많이 팔렸습니다.\n다음 주에 다시 알려 드리겠습니다.\n".encode())
    (line,) = converted(sales).items
    assert line.outcome is Outcome.CLARIFY
    assert server.answer_with.asked == ["rows"]


TABULAR = ("weekly_summary", "reservation_list", "stock_list", "production_summary", "order_lines")


def test_the_second_week_of_every_tabular_sample_makes_no_call(tmp_path: Path, server: ModelServer) -> None:
    library = load_library(REPOSITORY / "jobs" / "prompts")
    prompts = [library.get(name) for name in TABULAR]
    written = {name: load_program((SAMPLE_PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8")) for name in TABULAR}
    server.answer_with = programs({one.instructions.strip(): written[one.prompt_id].to_data() for one in prompts})
    wanted = {file_id for one in prompts for file_id in one.file_ids}
    samples = [one for one in SAMPLES if one.file_id in wanted and not one.spoilt]
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": one.file_id, "glob": f"{one.name.partition('{')[0]}*"} for one in samples],
    }
    environ = {**server.environment(), "LLM_CONVERT_PROMPTS": str(REPOSITORY / "jobs" / "prompts")}
    (tmp_path / "drive").mkdir()
    night = Night(home=tmp_path, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    calls = []
    for week, strategy in ((1, "program"), (2, "kept")):
        before = len(server.ledger)
        night.bsda = f"{WEEKS[week].monday:%Y%m%d}230000"
        for one in samples:
            night.drop(one.file_name(WEEKS[week]), one.make(WEEKS[week]))
        report = converted(night)
        assert by_strategy(report) == {strategy: len(TABULAR)}
        assert {item.prompt_id for item in report.items} == set(TABULAR)
        assert all(item.rows and not item.quarantined for item in report.items)
        calls.append(len(server.ledger) - before)
    assert calls == [len(TABULAR), 0]
