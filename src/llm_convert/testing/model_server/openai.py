"""OpenAI's chat completions, as the many services that copy them have them: ``/openai/v1/chat/completions``."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from llm_convert.testing.model_server.call import Answer, Call, Service, bearer, json_of
from llm_convert.testing.model_server.chat import check_messages, output_of, output_tokens, prompt_tokens, require
from llm_convert.testing.model_server.dials import Dials, Malformed
from llm_convert.testing.model_server.faults import Action, Fault, RefusedError
from llm_convert.testing.model_server.http import Request
from llm_convert.testing.model_server.tokens import Tokens

_KNOWN = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "stream",
        "stream_options",
        "user",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "metadata",
        "store",
        "service_tier",
        "reasoning_effort",
        "verbosity",
        "prompt_cache_key",
        "safety_identifier",
    ]
)
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
_FINISH = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}
_PIECE = 40


class ChatCompletions(Service):
    """One tool called, JSON of a schema, or JSON in words, as the request asks."""

    name = "openai"
    request_id_header = "x-request-id"

    def call_of(self, request: Request) -> Call | None:
        """By the path."""
        if request.method != "POST" or request.path != "/openai/v1/chat/completions":
            return None
        call = Call(service=self, request=request, body=json_of(request.body), model="")
        call.model = str(call.fields.get("model", ""))
        call.streams = bool(call.fields.get("stream"))
        return call

    def authorize(self, call: Call, token: str | None) -> None:
        """By a bearer token."""
        given = bearer(call.request.headers)
        if not given or (token is not None and given != token):
            raise RefusedError(Fault.plain(401, "Incorrect API key provided."))

    def check(self, call: Call, dials: Dials) -> None:
        """The rules of the wire, and the dials' limits."""
        check_messages(call.body)
        body = call.fields
        require(bool(call.model), "you must provide a model parameter")
        for key in body:
            require(key not in dials.unsupported, f"{key} is not supported by this model")
            require(key in _KNOWN, f"Unrecognized request argument supplied: {key}")
        for name in ("max_tokens", "max_completion_tokens"):
            limit = body.get(name)
            require(limit is None or (type(limit) is int and limit > 0), f"Invalid value at {name!r}.")
        require(isinstance(body.get("stream_options") or {}, dict), "Invalid type for 'stream_options'.")
        names = _tool_names(body)
        forced = _forced(body)
        require(forced is None or forced in names, f"Tool choice {forced!r} is not among the tools.")
        needs_none = body.get("tool_choice") in (None, "none", "auto")
        require(bool(names) or needs_none, "'tool_choice' is only allowed when 'tools' are specified.")
        _check_format(body.get("response_format"))
        tokens, most = self.prompt_tokens(call), dials.context_tokens
        said = f"This model's maximum context length is {most} tokens. However, your messages resulted in {tokens}."
        require(most is None or tokens <= most, said)

    def prompt_tokens(self, call: Call) -> int:
        """Messages and tools."""
        return prompt_tokens(call.fields, call.fields.get("tools"), call.fields.get("response_format"))

    def answer(self, call: Call, payload: dict[str, Any], tokens: Tokens, dials: Dials) -> Answer:
        """A completion with one choice."""
        body = call.fields
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        value, text, stop = output_of(payload, dials, limit)
        tokens = dataclasses.replace(tokens, cache_write=0, output=output_tokens(text, stop, limit))
        calls = value is not None and bool(_tool_names(body)) and body.get("tool_choice") != "none"
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else text, "refusal": None}
        finish = _FINISH.get(stop, "stop")
        if calls:
            name = "another_tool" if dials.malformed is Malformed.OTHER_TOOL else _forced(body) or _tool_names(body)[0]
            function = {"name": name, "arguments": text}
            message["tool_calls"] = [{"id": f"call_{call.number:06d}", "type": "function", "function": function}]
            if finish == "stop" and _forced(body) is None:
                # The real service says `stop` where one function was forced by its name.
                finish = "tool_calls"
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        completion = {
            "id": f"chatcmpl-{call.number:06d}",
            "object": "chat.completion",
            "created": int(call.request.received_at),
            "model": call.model,
            "choices": [choice],
            "usage": _usage(tokens),
        }
        return Answer(body=completion, tokens=tokens, stop_reason=finish)

    def pieces(self, call: Call, answer: Answer, fault: Fault | None) -> list[bytes]:
        """Chunks of deltas, and the mark of the end."""
        chunks = [json.dumps(chunk, ensure_ascii=False) for chunk in _chunks(call, answer.body)]
        if fault is None:
            chunks.append("[DONE]")
        else:
            chunks = chunks[: len(chunks) // 2]
        if fault is not None and fault.action is Action.FAIL_STREAM:
            chunks.append(json.dumps(self.error(fault, call.request_id)))
        return [f"data: {chunk}\n\n".encode() for chunk in chunks]

    def error(self, fault: Fault, request_id: str) -> Any:  # noqa: ARG002 - it is in the header only
        """In OpenAI's form; the type of another vendor becomes the usual one of the status."""
        plain = fault.type == Fault.plain(fault.status).type or fault.google
        kind = _TYPES.get(fault.status, "server_error") if plain else fault.type
        code = fault.code or _CODES.get(fault.status)
        return {"error": {"message": fault.message, "type": kind, "param": None, "code": code}}

    def limited(self, what: str, retry_after: str | None) -> Fault:
        """OpenAI's words."""
        said = f"Rate limit reached on {what} per min. Please try again later."
        return Fault(status=429, type=what, message=said, retry_after=retry_after)

    def work_item(self, call: Call) -> str | None:
        """What the client calls its user."""
        user = call.fields.get("user")
        return user if isinstance(user, str) else None


def _tool_names(body: dict[str, Any]) -> list[str]:
    names = []
    for index, tool in enumerate(body.get("tools") or ()):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        name = function.get("name") if isinstance(function, dict) else None
        require(isinstance(name, str) and bool(name), f"Missing required parameter: 'tools[{index}].function.name'.")
        names.append(str(name))
    return names


def _forced(body: dict[str, Any]) -> str | None:
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        require(choice in (None, "none", "auto", "required"), f"Invalid value: {choice!r} at 'tool_choice'.")
        return None
    function = choice.get("function")
    return str(function.get("name")) if isinstance(function, dict) else ""


def _check_format(form: Any) -> None:
    kind = form.get("type") if isinstance(form, dict) else "text"
    require(kind in {"text", "json_object", "json_schema"}, f"Invalid value: {kind!r} at 'response_format.type'.")
    if kind == "json_schema":
        schema = form.get("json_schema")
        named = isinstance(schema, dict) and isinstance(schema.get("name"), str)
        require(named, "Missing required parameter: 'response_format.json_schema.name'.")
        holds = isinstance(schema.get("schema"), dict)
        require(holds, "Missing required parameter: 'response_format.json_schema.schema'.")


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.prompt + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _chunks(call: Call, completion: dict[str, Any]) -> list[dict[str, Any]]:
    choice = completion["choices"][0]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    calls = choice["message"].get("tool_calls")
    text = calls[0]["function"]["arguments"] if calls else choice["message"]["content"]
    if calls:
        begun = {**calls[0], "index": 0, "function": {**calls[0]["function"], "arguments": ""}}
        deltas.append(({"tool_calls": [begun]}, None))
    for at in range(0, len(text), _PIECE):
        piece = text[at : at + _PIECE]
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if calls else {"content": piece}
        deltas.append((delta, None))
    deltas.append(({}, choice["finish_reason"]))
    common = {name: completion[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [
        {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in deltas
    ]
    if (call.fields.get("stream_options") or {}).get("include_usage"):
        chunks.append({**common, "choices": [], "usage": completion["usage"]})
    return chunks
