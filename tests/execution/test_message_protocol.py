from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from execution_world import item

from llm_convert.contracts.messages import (
    PROTOCOL_VERSION,
    Closed,
    ItemDone,
    Log,
    MessageAdapter,
    Opened,
    Progress,
)
from llm_convert.contracts.usage import Usage
from llm_convert.execution.errors import MessageFormatError
from llm_convert.execution.messages import parse_batch
from llm_convert.objects import to_jsonl

SCHEMA = files("llm_convert.contracts").joinpath(f"messages-{PROTOCOL_VERSION}.schema.json")
AT = "2025-11-07T14:00:00.000+00:00"
EXAMPLES = [
    Opened(sequence=0, at=AT, run_id="r-01", tenant="t", bsda="20251107000000", provider="rules", items=2, tasks=3),
    Progress(sequence=1, at=AT, done=1, total=2, rows=7, usage=Usage(calls=1), seconds_left=None),
    Progress(sequence=2, at=AT, done=2, total=2, rows=9, usage=Usage(), seconds_left=0.5),
    ItemDone(sequence=3, at=AT, item=item()),
    Log(sequence=4, at=AT, level="warning", text="한 줄\n두 줄"),
    Closed(sequence=5, at=AT, exit_code=75, reason="stopped", items=2),
]


def test_the_schema_and_the_models_agree():
    command = (
        'python -c "import json; from llm_convert.contracts.messages import MessageAdapter as m; '
        'print(json.dumps(m.json_schema(), indent=2, ensure_ascii=False))"'
    )
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == MessageAdapter.json_schema(), (
        "the protocol changed. Old readers must be able to read new messages, or it needs a new version. "
        f"Then write {SCHEMA.name} anew with: {command}"
    )


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_what_is_written_keeps_to_the_schema(message):
    line = to_jsonl([message])
    jsonschema.validate(json.loads(line), json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert parse_batch("key", line) == [message]


def test_a_batch_keeps_its_order():
    assert parse_batch("key", to_jsonl(EXAMPLES)) == EXAMPLES


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"log","version":2,"sequence":0,"at":"x","level":"info","text":"private"}',
        b'{"type":"heartbeat","version":1,"sequence":0,"at":"x","text":"private"}',
        b'{"type":"log","version":1,"sequence":0,"at":"x","level":"info","text":["private"]}',
        b'{"text":"private"',
        b"\xff\xfe",
    ],
)
def test_what_can_not_be_read_names_the_place_and_not_the_content(line):
    with pytest.raises(MessageFormatError, match="0000-00/000000") as caught:
        parse_batch("messages/0000-00/000000.jsonl", line)
    assert "private" not in str(caught.value)
    assert caught.value.__cause__ is None
