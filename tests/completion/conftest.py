"""A model server of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from model_world import ANSWER, TODAY, ProviderFor

from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.completion.tools import answer_tool
from llm_convert.contracts.document import Document, TextPage
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.ports import CompletionRequest, TextContent
from llm_convert.settings import Settings
from llm_convert.testing.model_server import ModelServer


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ANSWER) as running:
        yield running


@pytest.fixture
def sales_prompt() -> Prompt:
    return Prompt(
        prompt_id="sales_lines",
        file_ids=("SALES",),
        instructions="Each line is a sale.",
        output=OutputSchema(
            table="sales",
            fields=(
                OutputField(name="item", aliases=("품목",), required=True, description="What was sold."),
                OutputField(name="sold_on", type=FieldType.DATE, aliases=("판매일",), role=Role.TITLE),
                OutputField(name="amount", type=FieldType.DECIMAL, unit="KRW", examples=(1500, 2000)),
            ),
        ),
    )


@pytest.fixture
def completion_request(sales_prompt: Prompt) -> CompletionRequest:
    page = TextPage(name="page 1", lines=("품목 판매일 금액(단위: 천원)", "카페라떼 2025.11.07 1,234.5"))
    return CompletionRequest(
        work_item="0123456789abcdef0123456789abcdef",
        run_id="run-1",
        prompt=sales_prompt,
        document=Document(name="매출.txt", sha256="0" * 64, kind="txt", parts=(page,)),
        system="Give the rows of the document.",
        content=(TextContent(text="\n".join(page.lines)),),
        tool_name="give_rows",
        tool_schema=answer_tool(sales_prompt),
        max_output_tokens=4000,
    )


@pytest.fixture
def provider_for(server: ModelServer) -> ProviderFor:
    """A provider at the test's server; keyword arguments are settings."""

    def make(today: date = TODAY, environ: dict[str, str] | None = None, **settings: Any) -> VertexProvider:
        chosen = {"vertex_access_token": "local-token", "call_timeout_seconds": 5.0, **settings}
        return VertexProvider(Settings(**chosen), environ or server.environment(), today=lambda: today)

    return make
