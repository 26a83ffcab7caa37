"""A model server on this machine that speaks Vertex AI's protocol for Claude, with dials, for tests and for trying out.

It answers over real HTTP to the vendor's own client, checks requests as the real service does, and meters what it
answered in a ledger of its own, so that a claim such as "no call is paid twice" is proven against it and not against
our books. It is no model: what it answers comes from a callable. It imports nothing of ours outside this package, so
that it cannot agree with our code by sharing it.

    with ModelServer(answer_with=lambda request: {"rows": []}) as server:
        provider = VertexProvider(settings, server.environment())
        ...
        assert [record.status for record in server.ledger] == [200]
"""

from __future__ import annotations

from llm_convert.testing.model_server.answers import recorded, text_of
from llm_convert.testing.model_server.dials import Dials, Fault, Malformed
from llm_convert.testing.model_server.ledger import LedgerRecord
from llm_convert.testing.model_server.server import ModelServer

__all__ = ["Dials", "Fault", "LedgerRecord", "Malformed", "ModelServer", "recorded", "text_of"]
