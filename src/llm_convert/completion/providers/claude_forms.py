"""How an answer's form is enforced: by a tool that must be called, or by the service's own structured outputs.

A service may refuse its structured outputs for a model, by an organisation's policy, or for one schema too large
for a grammar. Asking is free: such a request is refused before anything is made.
"""

from __future__ import annotations

import hashlib
import json
import re
from enum import Enum
from typing import Literal

from llm_convert.completion.models import ModelFacts
from llm_convert.ports import CompletionRequest

NAMES_THE_FORM = re.compile(r"output_config|output_format|structured.output|json_schema|grammar|schema", re.IGNORECASE)
"""In the words of a refusal."""
_OF_ONE_SCHEMA = re.compile(r"too (complex|large|many)|optional|union|recursi|compil|schema", re.IGNORECASE)
_OF_THE_MODEL = re.compile(r"not (supported|allowed|enabled|permitted)|extra inputs|polic|constraint", re.IGNORECASE)


class Form(Enum):
    """How an answer's form is asked for."""

    TOOL = "tool"
    NATIVE = "native"


class NativeFormRefusedError(Exception):
    """The service does not take its structured outputs for this request. Nothing was paid."""

    def __init__(self, message: str) -> None:
        self.of_one_schema = bool(_OF_ONE_SCHEMA.search(message)) and not _OF_THE_MODEL.search(message)
        super().__init__()


class Forms:
    """Which form each request takes, and what services refused so far in this process.

    Args:
        wish: ``tool`` never asks for structured outputs, ``native`` asks for them wherever a model knows them,
            ``auto`` where the model can't be forced to call a tool.
    """

    def __init__(self, wish: Literal["auto", "tool", "native"]) -> None:
        self._wish = wish
        self._refused: set[str] = set()

    def of(self, request: CompletionRequest, facts: ModelFacts) -> Form:
        """The form for this request now."""
        wanted = self._wish == "native" or (self._wish == "auto" and facts.tool_choice == "auto")
        if not wanted or not facts.structured_outputs:
            return Form.TOOL
        refused = self._refused and self._refused & {facts.id, _name(facts, request)}
        return Form.TOOL if refused else Form.NATIVE

    def refuse(self, request: CompletionRequest, facts: ModelFacts, error: NativeFormRefusedError) -> None:
        """Never ask it again for this schema, or for this model."""
        self._refused.add(_name(facts, request) if error.of_one_schema else facts.id)


def _name(facts: ModelFacts, request: CompletionRequest) -> str:
    schema = json.dumps(request.tool_schema, sort_keys=True, ensure_ascii=False)
    return f"{facts.id} {hashlib.sha256(schema.encode()).hexdigest()}"
