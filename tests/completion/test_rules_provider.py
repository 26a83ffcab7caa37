from __future__ import annotations

import asyncio

from llm_convert.completion.providers.rules import RulesProvider
from llm_convert.completion.tools import answer_of, answer_tool
from llm_convert.contracts.document import Document, Sheet, TextPage
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Reply
from llm_convert.ports import CompletionRequest, ModelProvider

PROMPT = Prompt.model_validate(
    {
        "prompt_id": "orders",
        "file_ids": ["*"],
        "instructions": "x",
        "output": {
            "table": "orders",
            "fields": [
                {"name": "item", "aliases": ["품목"], "required": True},
                {"name": "amount", "type": "decimal", "aliases": ["금액"], "unit": "KRW"},
            ],
        },
    }
)


def complete(*parts: Sheet | TextPage) -> Reply:
    provider: ModelProvider = RulesProvider()
    request = CompletionRequest(
        work_item="w",
        run_id="r",
        prompt=PROMPT,
        document=Document(name="d", sha256="0" * 64, kind="xlsx", parts=parts),
        system="",
        content=(),
        tool_name="give_rows",
        tool_schema=answer_tool(PROMPT),
        max_output_tokens=1_000,
    )
    return asyncio.run(provider.complete(request))


def test_a_reply_is_complete_and_costs_nothing() -> None:
    reply = complete(Sheet(name="S", rows=(("품목", "금액(천원)"), ("커피", 9))))
    assert (reply.provider, reply.model, reply.stop_reason, reply.work_item) == ("rules", "rules-1", "rules", "w")
    assert reply.usage == Usage()
    assert reply.seconds > 0
    assert reply.model == RulesProvider().model(PROMPT.tier)
    stored = Reply.from_json(reply.to_json())
    (row,) = answer_of(stored.answer).rows
    assert (row["item"].value, row["amount"].value, row["amount"].at) == ("커피", "9000", ("S!B2", "S!B1"))


def test_prose_needs_a_model_and_the_answer_says_so() -> None:
    found = answer_of(complete(TextPage(name="mail", lines=("안녕하세요.", "커피 두 잔 부탁드립니다."))).answer)
    assert found.rows == ()
    assert found.cause is Cause.NEEDS_A_MODEL
