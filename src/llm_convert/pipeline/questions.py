"""What models asked because a document alone can't settle it, collected over a tenant's nights for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.contracts import keys
from llm_convert.contracts.work import Failure, Outcome
from llm_convert.objects import find_model
from llm_convert.pipeline.results import committed_reports, newest_items
from llm_convert.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question that no later run has settled."""

    bsda: str
    source: str
    document: str
    prompt_id: str
    work_item: str
    question: str


def open_questions(store: ObjectStore, tenant: str, bsdas: Sequence[str]) -> list[OpenQuestion]:
    """The open questions of these nights, the newest night's first.

    The newest account of a document in its night decides: what was converted later, under whichever wording of the
    prompt, asks nothing any more. No other night has the same bytes: a source gives them once.

    Args:
        store: where the committed reports lie.
        tenant: whose nights.
        bsdas: 14 digits each, in any order.
    """
    found: list[OpenQuestion] = []
    for bsda in sorted(bsdas, reverse=True):
        for item in newest_items(committed_reports(store, tenant, bsda)):
            if item.outcome is not Outcome.CLARIFY or item.work_item is None or item.prompt_id is None:
                continue
            asked = find_model(store, keys.work(tenant, item.work_item, "failure"), Failure)
            # Gone: a run that is not committed yet has converted it.
            if asked is not None:
                found.append(
                    OpenQuestion(
                        bsda=bsda,
                        source=item.source,
                        document=item.document,
                        prompt_id=item.prompt_id,
                        work_item=item.work_item,
                        question=asked.detail,
                    )
                )
    return found
