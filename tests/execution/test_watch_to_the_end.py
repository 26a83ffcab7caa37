from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from execution_world import UnreachableBackend, World, request, wait_for

from llm_convert.clock import SystemClock
from llm_convert.contracts.launch import ExecutionState
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.errors import UnavailableError
from llm_convert.execution import errors
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.execution.launch import Launched
from llm_convert.execution.watch import CANCEL_WAIT_SECONDS, LONGEST_WAIT_SECONDS, Watcher, last_words, watch
from llm_convert.testing.clock import FakeClock

GOOD = ("open:2", "item", "item", "report:2", "close:0:2")


def follow(world: World, backend: SubprocessBackend, launched: Launched, *, deadline_seconds: float = 20.0, heard=None):
    return watch(
        world.store,
        backend,
        launched,
        request(),
        clock=SystemClock(),
        poll_seconds=0.05,
        deadline_seconds=deadline_seconds,
        on_message=(heard if heard is not None else []).append,
    )


def watcher(world: World, backend: SubprocessBackend, launched: Launched, **options) -> Watcher:
    known = {"poll_seconds": 1.0, "deadline_seconds": 3600.0, "on_message": lambda message: None}
    return Watcher(world.store, backend, launched, request(), **{**known, **options})


def test_a_good_run_gives_its_report_and_all_its_messages(world: World):
    backend, heard = world.job("open:2", "item", "flush", "sleep:0.3", "item", "report:2", "close:0:2"), []
    report = follow(world, backend, world.launch(backend), heard=heard)
    assert report.run_id == "night-1-01"
    assert report.count(Outcome.SUCCEEDED) == 2
    assert [message.type for message in heard] == ["opened", "item", "item", "closed"]


def test_whoever_attaches_hears_it_from_the_beginning(world: World):
    backend, first, second = world.job(*GOOD), [], []
    launched = world.launch(backend)
    follow(world, backend, launched, heard=first)
    follow(world, backend, launched, heard=second)
    assert first == second


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (("open:1", "item", "report:1", "vanish"), errors.ExecutionSilentError, "says succeeded, but task 0"),
        (("open:1", "item", "close:0:1"), errors.ReportMissingError, "no report"),
        (("open:2", "item", "report:1", "close:0:2"), errors.CountsDisagreeError, "1 work items.*with 2"),
        (("open:1", "flush", "die"), errors.ExecutionTryAgainError, "killed by SIGKILL"),
        (("open:1", "report:1", "close:65:1:too many failed"), errors.ExecutionDataError, "too many failed"),
        (("close:78:0:no such model",), errors.ExecutionConfigurationError, "no such model"),
    ],
)
def test_each_bad_end_has_its_name(world: World, behaviour, kind, words):
    backend = world.job(*behaviour)
    with pytest.raises(kind, match=words) as caught:
        follow(world, backend, world.launch(backend))
    assert "night-1-01.log" in str(caught.value)


def test_the_signal_is_kept_as_a_fact(world: World):
    backend = world.shell("kill -KILL $$")
    with pytest.raises(errors.ExecutionTryAgainError) as caught:
        follow(world, backend, world.launch(backend))
    assert caught.value.signal_number == signal.SIGKILL


def test_a_job_that_says_nothing_and_exits_0_is_silence(world: World):
    backend = world.shell("exit 0")
    with pytest.raises(errors.ExecutionSilentError):
        follow(world, backend, world.launch(backend))


def test_a_job_that_fails_before_its_first_message_is_told_by_the_end_of_its_log(world: World):
    line = '{"severity": "ERROR", "message": "LLM_CONVERT_PROVIDER is unknown"}'
    backend = world.shell(f"echo starting; echo '{line}'; exit 78")
    with pytest.raises(errors.ExecutionConfigurationError, match="LLM_CONVERT_PROVIDER is unknown") as caught:
        follow(world, backend, world.launch(backend))
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("log", "words"),
    [("", ""), ("a\n b \n\n", "b"), ("[1, 2]", "[1, 2]"), ('{"text": 1}', '{"text": 1}'), ("x" * 999, "x" * 300)],
)
def test_last_words_are_one_short_line(log, words):
    assert last_words(log) == words


def test_a_cancelled_execution_is_no_success(world: World):
    backend = world.shell("sleep 20")
    launched = world.launch(backend)
    backend.cancel(launched.handle)
    with pytest.raises(errors.ExecutionCancelledError):
        follow(world, backend, launched)


def test_past_the_deadline_it_is_cancelled_and_over(world: World):
    backend = world.shell("sleep 20")
    launched = world.launch(backend)
    with pytest.raises(errors.ExecutionTimedOutError, match=r"longer than 0\.2 s and was cancelled"):
        follow(world, backend, launched, deadline_seconds=0.2)
    assert backend.status(launched.handle).state is ExecutionState.CANCELLED
    assert world.launch(backend).run_id == "night-1-02"


def test_a_retry_does_not_prolong_the_deadline(world: World):
    backend = world.shell("sleep 20")
    launched = world.launch(backend)
    again = world.launch(backend)
    assert again.intended_at == launched.intended_at is not None
    looking = watcher(world, backend, again, deadline_seconds=100.0)
    looking.step(launched.intended_at + timedelta(seconds=99))
    assert not backend.status(launched.handle).stopping
    looking.step(launched.intended_at + timedelta(seconds=101))
    wait_for(lambda: backend.status(launched.handle).over)
    with pytest.raises(errors.ExecutionTimedOutError):
        looking.step(launched.intended_at + timedelta(seconds=102))


def test_an_execution_that_survives_its_cancel_is_given_up(world: World):
    class Deaf(SubprocessBackend):
        def cancel(self, handle):
            return

    backend = world.backend(("sleep", "20"), kind=Deaf)
    launched = world.launch(backend)
    start, looking = launched.intended_at, watcher(world, backend, launched, deadline_seconds=10.0)
    looking.step(start + timedelta(seconds=11))
    looking.step(start + timedelta(seconds=10 + CANCEL_WAIT_SECONDS))
    with pytest.raises(errors.ExecutionTimedOutError):
        looking.step(start + timedelta(seconds=11 + CANCEL_WAIT_SECONDS))


def test_errors_while_polling_are_waited_out(world: World):
    backend = world.job(*GOOD, kind=UnreachableBackend)
    launched = world.launch(backend)
    backend.failures = 3
    assert follow(world, backend, launched).run_id == "night-1-01"
    assert backend.asked > 3
    assert len(list((world.home / "executions").glob("*/*/*-[0-9][0-9].json"))) == 1


def test_the_wait_grows_while_the_platform_does_not_answer(world: World):
    backend = world.backend(("sleep", "20"), kind=UnreachableBackend)
    launched = world.launch(backend)
    backend.failures = backend.asked + 8
    clock, looking = FakeClock(start=launched.intended_at), watcher(world, backend, launched)
    waits = [looking.step(clock.now()).wait_seconds for _ in range(9)]
    assert waits == [2, 4, 8, 16, 32, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, 1]


def test_an_execution_that_can_neither_be_seen_nor_cancelled_is_given_up_with_the_reason(world: World):
    class Gone(UnreachableBackend):
        failures = 10**9

        def cancel(self, handle):
            raise UnavailableError("the platform does not answer")

    backend = world.backend(("sleep", "20"), kind=Gone)
    launched = world.launch(backend)
    start, looking = launched.intended_at, watcher(world, backend, launched, deadline_seconds=10.0)
    looking.step(start + timedelta(seconds=11))
    with pytest.raises(errors.ExecutionTimedOutError, match="could not be cancelled: the platform does not") as caught:
        looking.step(start + timedelta(seconds=11 + LONGEST_WAIT_SECONDS))
    assert not caught.value.cancelled


def test_a_finished_run_is_not_asked_about_again(world: World):
    backend = world.job(*GOOD, kind=UnreachableBackend)
    launched = world.launch(backend)
    done = follow(world, backend, launched)
    found = world.launch(backend)
    backend.failures = 10**9
    assert follow(world, backend, found) == found.finished == done


def test_a_finished_run_with_too_many_failures_fails_every_time(world: World):
    from execution_world import item

    backend = world.shell("true")
    first = world.launch(backend)
    world.commit(first.run_id, item(1, cause=Cause.UNREADABLE))
    wait_for(lambda: backend.status(first.handle).over)
    for _ in range(2):
        with pytest.raises(errors.ExecutionDataError, match="100% of the work items failed"):
            follow(world, backend, world.launch(backend))
    assert world.started == ["night-1-01"]
