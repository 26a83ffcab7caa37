"""Replies on file: what a model answered to a request, kept so that the same request is answered again without it.

    <prompt id>/<model>/<key>.json

The key is a digest of all that the model sees, and of nothing that differs from run to run. How a service is asked to
keep to the answer's form is no part of it. A recording quotes its document: it belongs where the document may lie.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import ValidationError

from llm_convert.completion.errors import NotRecordedError
from llm_convert.contracts.base import Contract
from llm_convert.contracts.calls import Asked, Purpose
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Reply
from llm_convert.errors import ObjectNotFoundError
from llm_convert.objects import overwrite
from llm_convert.ports import CompletionRequest, ImageContent, ObjectStore, TextContent


class Recording(Contract):
    """One reply on file, with who gave it and when."""

    version: Literal[1] = 1
    key: str
    prompt_id: str
    prompt_digest: str
    """Of the prompt as it was; told for people, what counts is the key."""
    purpose: Purpose
    provider: str
    model: str
    recorded_at: str
    """ISO 8601, UTC."""
    stop_reason: str
    answer: dict[str, Any] | None
    """The tool call's input as it came; None where the model called no tool."""
    text: str
    usage: Usage
    seconds: float
    request_id: str

    @classmethod
    def of(cls, reply: Reply, asked: Asked, *, at: str) -> Recording:
        """What a provider answered to a request.

        Args:
            asked: the request, by the model that answered.
            at: when; ISO 8601, UTC.
        """
        return cls(
            key=asked.key,
            prompt_id=asked.prompt_id,
            prompt_digest=asked.prompt_digest,
            purpose=reply.purpose,
            provider=reply.provider,
            model=reply.model,
            recorded_at=at,
            stop_reason=reply.stop_reason,
            answer=reply.answer,
            text=reply.text,
            usage=reply.usage,
            seconds=round(reply.seconds, 3),
            request_id=reply.request_id,
        )

    def to_json(self) -> bytes:
        """JSON that a person reads in a diff."""
        return (json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n").encode()


def asked_of(request: CompletionRequest, model: str) -> Asked:
    """What is kept of a request until its reply goes on file."""
    key = request_key(request, model)
    return Asked(key=key, prompt_id=request.prompt.prompt_id, prompt_digest=request.prompt.digest)


def request_key(request: CompletionRequest, model: str) -> str:
    """32 hex digits, the same exactly when the same model is asked the same.

    Whose document it is, which run asks and the how-manieth call it is are left out: the model does not see them. So a
    request that is asked twice, as after a paused turn, has one key, and its last answer is the one on file.
    """
    seen = {
        "model": model,
        "system": request.system,
        "content": [_seen(part) for part in request.content],
        "tool": [request.tool_name, request.tool_schema],
        "turns": [[turn.answer, turn.text, turn.fault] for turn in request.turns],
        "max_output_tokens": request.max_output_tokens,
    }
    # Not sorted: a model sees the order of a schema's fields.
    return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _seen(part: TextContent | ImageContent) -> list[str]:
    if isinstance(part, ImageContent):
        return ["image", part.media_type, hashlib.sha256(part.data).hexdigest()]
    return ["text", part.text]


class Recordings:
    """A folder of replies on file.

    Args:
        store: over the folder.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._there: dict[str, str] = {}
        """By prompt, what its folder holds, in words: looked up once, and not for each document of a night."""

    def find(self, request: CompletionRequest, model: str) -> Recording:
        """The recording of a request.

        Raises:
            NotRecordedError: there is none, or what is there is no recording of it.
        """
        key = request_key(request, model)
        path = self._path(request.prompt.prompt_id, model, key)
        try:
            recording = Recording.from_json(self._store.read(path).data)
        except ObjectNotFoundError:
            raise self._missing(request, model, path) from None
        except (ValidationError, ValueError):
            raise self._unfit(path, "is no recording of this version") from None
        if (recording.key, recording.model) != (key, model):
            # A file that was copied or renamed would be another request's answer.
            raise self._unfit(path, f"holds the recording {recording.key} by {recording.model}")
        return recording

    def put(self, recording: Recording) -> None:
        """Keep a recording in the place of an earlier one of the same request; whole or not at all."""
        overwrite(self._store, self._path(recording.prompt_id, recording.model, recording.key), recording.to_json())

    def _missing(self, request: CompletionRequest, model: str, path: str) -> NotRecordedError:
        about = f"{request.prompt.prompt_id} ({request.purpose}, call {request.call}) by {model}"
        there = self._there.get(request.prompt.prompt_id)
        if there is None:
            there = self._there[request.prompt.prompt_id] = self._what_is_there(request.prompt.prompt_id)
        return NotRecordedError(f"no reply to {about} is on file at {self._store.locate(path)}; {there}", path=path)

    def _unfit(self, path: str, why: str) -> NotRecordedError:
        return NotRecordedError(f"{self._store.locate(path)} {why}", path=path)

    def _what_is_there(self, prompt_id: str) -> str:
        models = sorted({info.key.split("/")[1] for info in self._store.list(f"{prompt_id}/")})
        return f"this prompt has recordings by {', '.join(models)}" if models else "this prompt has none"

    @staticmethod
    def _path(prompt_id: str, model: str, key: str) -> str:
        return f"{prompt_id}/{model.replace('/', '-')}/{key}.json"
