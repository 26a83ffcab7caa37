"""A server on this machine that speaks as models' services do, with dials, for tests and for trying out.

It is Claude on Vertex AI and on Anthropic's own API, with batches, structured outputs and a prompt cache; OpenAI's
chat completions; and Ollama's chat: each at its own paths of one port. It answers over real HTTP to the vendors' own
clients, checks requests as the real services do, and meters what it answered in a ledger of its own, with prices that
it is given, so that a claim such as "no call is paid twice" is proven against it and not against our books. It is no
model: what it answers comes from a callable. It imports nothing of ours outside this package, so that it cannot agree
with our code by sharing it.

    with ModelServer(answer_with=lambda request: {"rows": []}) as server:
        provider = VertexProvider(settings, server.environment())
        ...
        assert [record.status for record in server.ledger] == [200]

``environment`` takes the service that a client is to use: ``vertex``, ``anthropic``, ``openai`` or ``ollama``. One
thread holds all connections; a callable that blocks gets threads of its own.
"""

from __future__ import annotations

from llm_convert.testing.model_server.answers import asks_for_program, programs, recorded, text_of
from llm_convert.testing.model_server.dials import Dials, Malformed
from llm_convert.testing.model_server.faults import Action, Fault
from llm_convert.testing.model_server.ledger import LedgerRecord
from llm_convert.testing.model_server.server import ModelServer

__all__ = [
    "Action",
    "Dials",
    "Fault",
    "LedgerRecord",
    "Malformed",
    "ModelServer",
    "asks_for_program",
    "programs",
    "recorded",
    "text_of",
]
