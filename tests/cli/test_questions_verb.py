"""``llm-convert questions``: asked by the model, collected over nights, gone once they are settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llm_convert.cli.main import main
from llm_convert.testing.model_server import ModelServer, text_of
from night import Night

QUESTION = "금액은 공급가인가요,\n합계인가요?"
SALES = "품목,판매일,금액\n샴푸,2025-11-03,1000\n"


@pytest.fixture
def asked(night: Night, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A model that can't tell what is meant in either of two documents; a third can't be read, which is no question."""
    night.drop("매출 1.csv", SALES.encode())
    night.drop("매출 2.csv", SALES.replace("1000", "2000").encode())
    with ModelServer() as server:
        night.environ |= {**server.environment(), "LLM_CONVERT_PROVIDER": "vertex"}
        for name, value in {**night.settings.to_environment(), **server.environment()}.items():
            monkeypatch.setenv(name, value)
        server.answer_with = lambda request: {"rows": [], "clarify": QUESTION}
        night.drop("매출 3.csv", b"")
        night.through()
        yield server


def questions(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    assert main(["questions", "t1", "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_document_that_leaves_something_open_is_named_with_its_question(
    asked: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(one["document"], one["bsda"], one["question"]) for one in questions(capsys)] == [
        ("매출 1.csv", "20251107230000", QUESTION),
        ("매출 2.csv", "20251107230000", QUESTION),
    ]
    assert main(["questions", "t1"]) == 0
    said = capsys.readouterr().out
    assert "20251107230000  매출 1.csv, sales" in said
    assert "  금액은 공급가인가요, 합계인가요?\n" in said
    assert said.endswith("2 open in 1 night\n")


def test_what_a_later_wording_settles_is_open_no_more(
    asked: ModelServer, night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    (prompt,) = (night.home / "prompts").glob("*.yaml")
    settled = prompt.read_text(encoding="utf-8").replace("A list of sales.", "A list of sales with totals.")
    prompt.write_text(settled, encoding="utf-8")
    asked.answer_with = answer_the_first
    night.job()
    assert [one["document"] for one in questions(capsys)] == ["매출 2.csv"]


def answer_the_first(request: dict[str, Any]) -> dict[str, Any]:
    if "매출 1" not in text_of(request):
        return {"rows": [], "clarify": QUESTION}
    values = {"item": "샴푸", "sold_on": "2025-11-03", "amount": 1000}
    places = zip(values.items(), "ABC", strict=True)
    return {"rows": [{name: {"value": value, "at": [f"매출 1!{column}2"]} for (name, value), column in places}]}
