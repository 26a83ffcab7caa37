"""What the ledger says that a call cost, for whoever keeps books and was told nothing."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.budget import OpenCall
from llm_convert.contracts.work import Reply
from llm_convert.objects import find_model
from llm_convert.ports import ObjectStore


def cost_of(store: ObjectStore, call_id: str, call: OpenCall) -> int | None:
    """Micro-dollars of the reply that is stored for a call; None where none is.

    Args:
        call_id: as ``SentCall.id`` says it.
    """
    item_id, _, rest = call_id.partition("#")
    number, _, sent_at = rest.partition("@")
    reply = find_model(store, keys.reply(call.tenant, item_id, int(number)), Reply)
    if reply is None or not reply.attempts or reply.attempts[-1].at != sent_at:
        return None
    return reply.usage.cost_microusd
