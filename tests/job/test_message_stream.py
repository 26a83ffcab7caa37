from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.contracts.messages import Closed, Log, Opened
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Outcome
from llm_convert.errors import (
    ConfigurationError,
    InterruptedByPlatformError,
    PreconditionFailedError,
    StoreError,
)
from llm_convert.execution.errors import MessageFormatError
from llm_convert.execution.messages import MessageReader
from llm_convert.job.messages import MessageWriter
from llm_convert.ports import ObjectInfo, StoredObject
from llm_convert.settings import TaskPlace
from llm_convert.stores.local import LocalObjectStore

TENANT, BSDA, RUN = "c8cd3500", "20251107140000", "night-1-01"


class FailingStore(LocalObjectStore):
    """A real store that fails as it is told: before the write, or after it, so that only the answer is lost."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.faults: list[str] = []
        """Taken from the front, one a call: ``ok``, ``before``, ``after``."""
        self.always = "ok"

    def _fault(self) -> str:
        return self.faults.pop(0) if self.faults else self.always

    def create(self, key: str, data: bytes) -> str:
        fault = self._fault()
        if fault == "before":
            raise StoreError("the disk does not answer")
        version = super().create(key, data)
        if fault == "after":
            raise StoreError("the answer was lost")
        return version

    def read(self, key: str) -> StoredObject:
        if self._fault() != "ok":
            raise StoreError("the disk does not answer")
        return super().read(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if self._fault() != "ok":
            raise StoreError("the disk does not answer")
        return super().list(prefix)


@pytest.fixture
def store(tmp_path) -> FailingStore:
    return FailingStore(tmp_path)


def writer(store, *, task: TaskPlace | None = None, **options) -> MessageWriter:
    return MessageWriter(
        store, TENANT, BSDA, RUN, task=task or TaskPlace(), clock=SystemClock(), **{"flush_seconds": 60, **options}
    )


def reader(store) -> MessageReader:
    return MessageReader(store, TENANT, BSDA, RUN)


def batches(store) -> list[str]:
    prefix = keys.messages(TENANT, BSDA, RUN)
    return [info.key.removeprefix(prefix) for info in store.list(prefix)]


def texts(messages) -> list[str]:
    return [message.text for message in messages if isinstance(message, Log)]


def done(work_item: str | None = "1") -> ItemReport:
    return ItemReport(document="a.xlsx", source="s", sha256="0", outcome=Outcome.SUCCEEDED, work_item=work_item)


def test_a_whole_stream_from_opened_to_closed(store):
    with writer(store, task=TaskPlace(index=2, count=5, attempt=1, execution="exec-7")) as out:
        out.opened(tenant=TENANT, bsda=BSDA, provider="rules", items=2)
        out.log("info", "시작")
        out.item(done())
        out.item(done(work_item=None))
        out.progress(done=1, total=2, rows=3, usage=Usage(calls=1), seconds_left=1.5)
    heard = reader(store)
    messages = heard.poll()
    assert [message.type for message in messages] == ["opened", "log", "item", "item", "progress", "closed"]
    assert [message.sequence for message in messages] == list(range(6))
    assert all(datetime.fromisoformat(message.at).tzinfo == UTC for message in messages)
    first, last = messages[0], messages[-1]
    assert isinstance(first, Opened)
    assert (first.run_id, first.execution, first.tasks) == (RUN, "exec-7", 5)
    assert isinstance(last, Closed)
    assert (last.exit_code, last.reason, last.items) == (0, "", 1)
    assert heard.closed() == {2: last}
    assert heard.tasks == 5
    assert heard.poll() == []
    assert batches(store) == ["0002-01/000000.jsonl"]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ConfigurationError("the model is unknown", remedy="Change it."), 78, "the model is unknown. Change it."),
        (InterruptedByPlatformError("asked to stop"), 75, "asked to stop"),
        (ValueError("매출 1,234"), 75, "ValueError"),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
        (KeyboardInterrupt(), 75, "KeyboardInterrupt"),
    ],
)
def test_an_error_closes_the_stream_and_goes_on(store, error, code, reason):
    with pytest.raises(type(error)), writer(store):
        raise error
    heard = reader(store)
    heard.poll()
    assert (heard.closed()[0].exit_code, heard.closed()[0].reason) == (code, reason)


def test_an_explicit_close_is_the_last_word(store):
    out = writer(store)
    out.closed(exit_code=75, reason="stopped", items=0)
    with pytest.raises(InterruptedByPlatformError), out:
        raise InterruptedByPlatformError("asked to stop")
    out.log("info", "too late")
    assert out.flush()
    messages = reader(store).poll()
    assert [message.type for message in messages] == ["closed"]
    assert messages[0].reason == "stopped"


def test_the_thread_flushes_without_being_asked(store):
    with writer(store, flush_seconds=0.02) as out:
        out.log("info", "soon")
        heard, found = reader(store), []
        until = time.monotonic() + 5
        while not found and time.monotonic() < until:
            found = texts(heard.poll())
        assert found == ["soon"]
        assert heard.closed() == {}


def test_a_full_buffer_is_written_at_once(store):
    with writer(store, flush_messages=3) as out:
        for number in range(7):
            out.log("info", str(number))
        heard, found = reader(store), []
        until = time.monotonic() + 5
        while len(found) < 3 and time.monotonic() < until:
            found += texts(heard.poll())
        assert found[:3] == ["0", "1", "2"]
    found += texts(heard.poll())
    assert found == [str(number) for number in range(7)]
    assert all(store.read(keys.messages(TENANT, BSDA, RUN) + name).data.count(b"\n") <= 3 for name in batches(store))


def test_a_store_that_is_down_never_reaches_the_job(store, caplog):
    store.always = "before"
    before = time.monotonic()
    with writer(store, flush_seconds=0.01, flush_messages=1, closing_seconds=0.1) as out:
        for number in range(50):
            out.log("info", f"비밀 {number}")
        time.sleep(0.05)
    assert time.monotonic() - before < 3
    store.always = "ok"
    assert reader(store).poll() == []
    assert "비밀" not in caplog.text
    assert "StoreError" in caplog.text


def test_what_failed_is_kept_and_written_later(store):
    out = writer(store)
    out.log("info", "1")
    store.faults = ["before"]
    assert not out.flush()
    out.log("info", "2")
    assert out.flush()
    assert texts(reader(store).poll()) == ["1", "2"]


def test_a_write_whose_answer_was_lost_is_not_written_twice(store):
    out = writer(store)
    for number in range(3):
        out.log("info", str(number))
        store.faults = ["after"]
        assert not out.flush()
        assert out.flush()
    assert texts(reader(store).poll()) == ["0", "1", "2"]
    assert batches(store) == [f"0000-00/{number:06d}.jsonl" for number in range(3)]


def test_a_stream_that_is_taken_makes_the_next_attempt(store):
    """The same run started twice by hand: neither speaks in the other's stream, and the newest closes the task."""
    with writer(store) as first:
        first.log("info", "first")
        first.flush()
        with writer(store) as second:
            second.log("info", "second")
            second.closed(exit_code=75, items=0)
        heard = reader(store)
        assert texts(heard.poll()) == ["first", "second"]
        assert heard.closed()[0].exit_code == 75
    heard.poll()
    assert heard.closed()[0].exit_code == 75
    assert batches(store) == ["0000-00/000000.jsonl", "0000-00/000001.jsonl", "0000-01/000000.jsonl"]


def test_an_attempt_that_is_open_hides_the_close_of_the_one_before(store):
    with writer(store) as out:
        out.closed(exit_code=75, items=0)
    second = writer(store, task=TaskPlace(attempt=1))
    second.log("info", "again")
    second.flush()
    heard = reader(store)
    heard.poll()
    assert heard.closed() == {}


def test_a_gap_is_waited_for(store):
    """A listing may show a later batch first; what is missing may still come."""
    out = writer(store, flush_messages=1)
    for number in range(3):
        out.log("info", str(number))
    out.flush()
    key = keys.message_batch(TENANT, BSDA, RUN, task=0, attempt=0, batch=1)
    held = store.read(key)
    store.delete(key, if_version=held.version)
    heard = reader(store)
    assert texts(heard.poll()) == ["0"]
    store.create(key, held.data)
    assert texts(heard.poll()) == ["1", "2"]


def test_what_is_no_batch_is_passed_over(store):
    store.create(f"{keys.messages(TENANT, BSDA, RUN)}notes.txt", b"by hand")
    store.create(f"{keys.messages(TENANT, BSDA, RUN)}0000-00/draft.jsonl", b"by hand")
    assert reader(store).poll() == []


def test_another_protocol_version_is_refused(store):
    key = keys.message_batch(TENANT, BSDA, RUN, task=0, attempt=0, batch=0)
    store.create(key, b'{"type":"log","version":2,"sequence":0,"at":"","level":"info","text":""}\n')
    with pytest.raises(MessageFormatError, match="Install the version"):
        reader(store).poll()


def test_threads_may_share_a_writer(store):
    with writer(store, flush_seconds=0.001, flush_messages=7) as out:
        threads = [
            threading.Thread(target=lambda i=i: [out.log("info", f"{i}-{n}") for n in range(40)]) for i in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    messages = reader(store).poll()
    assert [message.sequence for message in messages] == list(range(241))
    assert sorted(texts(messages)) == sorted(f"{i}-{n}" for i in range(6) for n in range(40))
    for i in range(6):
        assert [text for text in texts(messages) if text.startswith(f"{i}-")] == [f"{i}-{n}" for n in range(40)]


def test_a_conflict_inside_an_owned_stream_is_kept_and_told(store, caplog):
    out = writer(store)
    out.log("info", "0")
    out.flush()
    store.create(keys.message_batch(TENANT, BSDA, RUN, task=0, attempt=0, batch=1), b"")
    out.log("info", "1")
    assert not out.flush()
    assert PreconditionFailedError.__name__ in caplog.text


FAULTS = st.lists(st.sampled_from(["ok", "before", "after"]), max_size=4)
STEPS = st.lists(
    st.tuples(st.just("say"), st.integers(0, 1), st.text(max_size=6))
    | st.tuples(st.just("flush"), st.integers(0, 1), FAULTS)
    | st.tuples(st.just("poll"), st.just(0), FAULTS),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, size=st.integers(1, 4))
def test_every_message_comes_out_once_and_in_order(steps, size):
    """Whatever is said, whenever it is flushed and polled, and however the store fails meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        store = FailingStore(Path(folder))
        writers = [writer(store, task=TaskPlace(index=index, count=2), flush_messages=size) for index in (0, 1)]
        heard, said, received = reader(store), ([], []), []
        for verb, index, value in steps:
            store.faults = list(value) if verb != "say" else []
            if verb == "say":
                said[index].append(f"{index}{value}")
                writers[index].log("info", f"{index}{value}")
            elif verb == "flush":
                writers[index].flush()
            else:
                received += _poll(heard)
        store.faults = []
        assert all(out.flush() for out in writers)
        received += heard.poll()
        for index in (0, 1):
            assert [text for text in texts(received) if text[0] == str(index)] == said[index]
            sequences = [message.sequence for message in received if message.text[0] == str(index)]
            assert sequences == list(range(len(said[index])))
        assert texts(reader(store).poll()) == said[0] + said[1], "a reader that starts over hears all of it again"


def _poll(heard: MessageReader) -> list:
    try:
        return heard.poll()
    except StoreError:
        return []
