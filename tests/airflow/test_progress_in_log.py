"""A deferred run's messages on their way into the task's log, from a real store."""

import asyncio
import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.airflow import progress
from llm_convert.airflow.progress import LONGEST_LOOK_SECONDS, Teller
from llm_convert.contracts import keys
from llm_convert.contracts.messages import Log
from llm_convert.errors import StoreError
from llm_convert.execution.messages import MessageReader
from llm_convert.objects import to_jsonl
from llm_convert.stores.local import LocalObjectStore

BSDA = "20251107140000"


def write(store, task, batch, numbers):
    messages = [Log(sequence=n, at="2025-11-07T14:00:00Z", level="info", text=f"{task}:{n}") for n in numbers]
    store.create(keys.message_batch("t1", BSDA, "r-01", task=task, attempt=0, batch=batch), to_jsonl(messages))


async def tell(store, steps, *, look_seconds=0.005):
    """What is told while each step is taken in turn, and whether it was everything."""
    lines = []
    teller = Teller(
        lambda: MessageReader(store, "t1", BSDA, "r-01"),
        lambda level, line: lines.append((level, line)),
        look_seconds=look_seconds,
    )
    telling = asyncio.create_task(teller.run())
    for step in steps:
        step()
        await asyncio.sleep(0.01)
    return await teller.finish(telling), lines


@given(batches=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=8))
@settings(max_examples=15, deadline=None)
def test_every_message_is_told_once_and_in_its_streams_order(batches):
    with tempfile.TemporaryDirectory() as folder:
        store = LocalObjectStore(Path(folder))
        written = {0: [], 1: [], 2: []}
        steps = []
        for task, count in batches:
            numbers = range(len(written[task]), len(written[task]) + count)
            batch = sum(1 for other in steps if other[0] == task)
            written[task] += numbers
            steps.append((task, lambda task=task, batch=batch, numbers=numbers: write(store, task, batch, numbers)))
        told, lines = asyncio.run(tell(store, [step for _, step in steps]))
        assert told
        for task, numbers in written.items():
            of_task = [line for _, line in lines if line.startswith(f"{task}:")]
            assert of_task == [f"{task}:{n}" for n in numbers]


def test_what_is_written_last_is_told_although_the_next_look_is_far(tmp_path):
    store = LocalObjectStore(tmp_path)
    told, lines = asyncio.run(tell(store, [lambda: write(store, 0, 0, [0])], look_seconds=60))
    assert (told, lines) == (True, [(logging.INFO, "0:0")])


class Away:
    """A store that fails a few times."""

    def __init__(self, real, errors):
        self.real, self.errors = real, errors

    def list(self, prefix):
        if self.errors:
            raise self.errors.pop()
        return self.real.list(prefix)

    def read(self, key):
        return self.real.read(key)


@pytest.mark.parametrize("error", [StoreError("away"), OSError("of a vendor")])
def test_a_store_that_fails_delays_the_telling(tmp_path, error):
    store = LocalObjectStore(tmp_path)
    write(store, 0, 0, [0, 1])
    told, lines = asyncio.run(tell(Away(store, [error] * 2), [lambda: None] * 10))
    assert (told, [line for _, line in lines]) == (True, ["0:0", "0:1"])


def test_a_store_that_is_away_at_the_end_is_no_failure(tmp_path):
    told, lines = asyncio.run(tell(Away(LocalObjectStore(tmp_path), [StoreError("away")] * 999), [lambda: None]))
    assert (told, lines) == (False, [])


def test_messages_of_another_version_are_left_to_the_worker(tmp_path):
    store = LocalObjectStore(tmp_path)
    store.create(keys.message_batch("t1", BSDA, "r-01", task=0, attempt=0, batch=0), b'{"version": 9}\n')
    told, lines = asyncio.run(tell(store, [lambda: None]))
    assert (told, lines) == (False, [])


def test_a_quiet_run_is_looked_at_less_and_less():
    teller = Teller(lambda: None, lambda level, line: None)
    pauses = []
    for teller._quiet_looks in range(12):
        pauses.append(teller.pause_seconds)
    assert 7 <= pauses[0] <= 13
    assert all(pause <= LONGEST_LOOK_SECONDS * 1.3 for pause in pauses)
    assert pauses[-1] >= LONGEST_LOOK_SECONDS * 0.7


def test_the_threads_are_few_and_shared():
    assert progress.threads() is progress.threads()
    assert progress.threads()._max_workers == progress.AT_ONCE
