"""This library's engine alone, as the job uses it: a claim, its journal in a file store, the shared pace, one question.

Documents are not read and answers not proven here; the whole job is measured beside it.
"""

import asyncio
import hashlib

import our_night
import peer_work

from llm_convert import wiring
from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.ledger import Ledger
from llm_convert.completion.tools import answer_of, answer_tool
from llm_convert.contracts.document import Document
from llm_convert.contracts.work import WorkItem
from llm_convert.conversion.asking import TOOL_NAME
from llm_convert.ports import CompletionRequest, TextContent
from llm_convert.settings import Settings

RUN = "bench-01"


def settings_of(given):
    home = given.folder / "home"
    (home / "prompts").mkdir(parents=True, exist_ok=True)
    (home / "prompts" / "sales_lines.yaml").write_text(our_night.PROMPT, encoding="utf-8")
    return Settings(home=home, provider="vertex", vertex_access_token="local", prompts=home / "prompts")


def environment(url):
    return {
        "ANTHROPIC_VERTEX_BASE_URL": f"{url}/v1",
        "ANTHROPIC_VERTEX_PROJECT_ID": "local",
        "CLOUD_ML_REGION": "global",
    }


def request_of(number, prompt):
    name = peer_work.marker(number)
    return CompletionRequest(
        work_item=hashlib.sha256(name.encode()).hexdigest(),
        run_id=RUN,
        prompt=prompt,
        document=Document(name=f"{name}.csv", sha256="", kind="csv", parts=()),
        system=peer_work.SYSTEM,
        content=(TextContent(text=peer_work.text(number)),),
        tool_name=TOOL_NAME,
        tool_schema=answer_tool(prompt),
        max_output_tokens=peer_work.MAX_TOKENS,
        tier=prompt.tier,
    )


def item_of(number, prompt, request):
    name = peer_work.marker(number)
    return WorkItem(
        id=request.work_item,
        tenant=our_night.TENANT,
        file_id="SALES",
        prompt_id=prompt.prompt_id,
        document_key=f"{name}.csv",
        document_name=f"{name}.csv",
        document_sha256=request.work_item,
        size_bytes=100,
        optional=False,
    )


def open_client(given):
    settings = settings_of(given)
    store = wiring.open_store(settings)
    (prompt,) = wiring.open_prompts(settings).serving("SALES", ())
    engine = wiring.open_engine(settings, environment(given.url), store=store, owner=f"{RUN}/0/0/bench")
    ledger = Ledger(
        store,
        our_night.TENANT,
        owner=f"{RUN}/0/0/bench",
        run_id=RUN,
        lease_seconds=settings.lease_seconds,
        clock=wiring.open_clock(),
    )

    async def ask(number):
        request = request_of(number, prompt)
        claim = await asyncio.to_thread(ledger.claim, item_of(number, prompt, request))
        journal = ClaimJournal(ledger, claim)
        kept = await asyncio.to_thread(ledger.replies, request.work_item)
        reply = kept[0] if kept else await engine.ask(request, journal)
        answer_of(reply.answer)
        peer_work.check(number, reply.answer["rows"])
        await asyncio.to_thread(journal.release)
        return reply.answer

    return ask


if __name__ == "__main__":
    peer_work.run(open_client)
