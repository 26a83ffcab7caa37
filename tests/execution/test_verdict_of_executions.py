from __future__ import annotations

import signal

import pytest
from execution_world import item, report
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus
from llm_convert.contracts.messages import Closed
from llm_convert.contracts.work import Cause
from llm_convert.errors import EXIT_CONFIGURATION, EXIT_DATA, EXIT_TRY_AGAIN, Terminal, Transient, exit_code_of
from llm_convert.execution import errors
from llm_convert.execution.verdict import verdict, verdict_of_finished

OVER = [state for state in ExecutionState if state is not ExecutionState.RUNNING]


def closed(exit_code: int = 0, items: int = 2, reason: str = "") -> Closed:
    return Closed(sequence=9, at="2025-11-07T14:00:00+00:00", exit_code=exit_code, items=items, reason=reason)


def status(state: str = "succeeded", **facts: object) -> ExecutionStatus:
    return ExecutionStatus.model_validate({"state": state, **facts})


GOOD = report("night-1-01", item(1), item(2), item(3, work=False))


@pytest.mark.parametrize("state", ["succeeded", "ended"])
def test_success_needs_every_witness(state):
    assert verdict(status(state), {0: closed()}, GOOD).result() is GOOD
    assert verdict(status(state), {0: closed(items=1), 1: closed(items=1)}, GOOD, tasks=2).result() is GOOD


@pytest.mark.parametrize(
    ("platform", "streams", "committed", "kind", "words"),
    [
        (status(), {}, GOOD, errors.ExecutionSilentError, "task 0 never closed"),
        (status("ended"), {}, None, errors.ExecutionSilentError, "says ended"),
        (status(), {0: closed()}, None, errors.ReportMissingError, "committed no report"),
        (status(), {0: closed(items=3)}, GOOD, errors.CountsDisagreeError, "2 work items.* closed with 3"),
        (status("cancelled", exit_code=0), {0: closed()}, GOOD, errors.ExecutionCancelledError, "cancelled"),
        (status("failed", exit_code=65), {0: closed(65)}, GOOD, errors.ExecutionDataError, "65 .the data is at fault"),
        (status("failed", exit_code=75), {0: closed(75)}, None, errors.ExecutionTryAgainError, "75 .trying again"),
        (status("failed", exit_code=78), {}, None, errors.ExecutionConfigurationError, "78 .the configuration"),
        (status("failed", exit_code=1), {}, None, errors.ExecutionTryAgainError, "exit code 1"),
        (status("failed", signal=9), {0: closed()}, GOOD, errors.ExecutionTryAgainError, "SIGKILL .9., as the kernel"),
        (status("failed", signal=64), {}, None, errors.ExecutionTryAgainError, "SIGRTMAX .64"),
        (status("failed"), {0: closed(78)}, None, errors.ExecutionConfigurationError, "78"),
        (status("failed"), {}, None, errors.ExecutionTryAgainError, "without an exit code"),
        (status("succeeded"), {0: closed(65)}, GOOD, errors.ExecutionDataError, "65"),
        (status("ended"), {0: closed(75)}, GOOD, errors.ExecutionTryAgainError, "75"),
    ],
)
def test_each_way_to_fail_has_its_own_error(platform, streams, committed, kind, words):
    found = verdict(platform, streams, committed, log="file:///log")
    assert type(found.error) is kind
    with pytest.raises(kind, match=words) as caught:
        found.result()
    assert "Log: file:///log" in str(caught.value)
    assert caught.value.remedy
    assert found.try_again is isinstance(caught.value, Transient)
    assert isinstance(caught.value, Transient) != isinstance(caught.value, Terminal)


def test_exit_codes_are_kept_for_whoever_waits():
    codes = {
        errors.ExecutionDataError(exit_code=65): EXIT_DATA,
        errors.ExecutionConfigurationError(exit_code=78): EXIT_CONFIGURATION,
        errors.ExecutionTryAgainError(signal_number=signal.SIGKILL): EXIT_TRY_AGAIN,
        errors.ExecutionSilentError(missing=[0], state="ended"): EXIT_TRY_AGAIN,
    }
    assert {error: exit_code_of(error) for error in codes} == codes


def test_the_jobs_own_reason_is_told():
    streams = {
        0: closed(),
        1: closed(78, reason="LLM_CONVERT_PROVIDER is 'vertx'."),
        2: closed(75, reason="a timeout"),
    }
    error = verdict(status("failed"), streams, None, tasks=3).error
    assert isinstance(error, errors.ExecutionConfigurationError)
    assert error.exit_code == 78
    assert error.reason == "LLM_CONVERT_PROVIDER is 'vertx'; a timeout"
    assert error.reason in str(error)


def test_every_missing_task_is_named():
    error = verdict(status(), {1: closed()}, GOOD, tasks=4).error
    assert isinstance(error, errors.ExecutionSilentError)
    assert error.missing == (0, 2, 3)
    later = verdict(status(), {2: closed()}, GOOD).error
    assert isinstance(later, errors.ExecutionSilentError), "a task that closed proves that those before it exist"


def test_a_finished_run_is_judged_by_its_report():
    assert verdict_of_finished(GOOD).report is GOOD
    bad = report("night-1-01", item(1, cause=Cause.UNREADABLE), item(2), max_failed_fraction=0.2)
    error = verdict_of_finished(bad).error
    assert isinstance(error, errors.ExecutionDataError)
    assert "50% of the work items failed, 20% are allowed" in str(error)


CLOSES = st.builds(
    closed, exit_code=st.sampled_from([0, 0, 0, 1, 65, 75, 78]), items=st.integers(0, 3), reason=st.text(max_size=5)
)
STATUSES = st.builds(
    ExecutionStatus,
    state=st.sampled_from(OVER),
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
)


@given(STATUSES, st.dictionaries(st.integers(0, 3), CLOSES), st.none() | st.just(GOOD), st.integers(1, 4))
def test_nothing_but_all_witnesses_together_is_success(platform, streams, committed, tasks):
    found = verdict(platform, streams, committed, tasks=tasks)
    assert (found.error is None) != (found.report is None)
    all_say_so = (
        platform.state in {ExecutionState.SUCCEEDED, ExecutionState.ENDED}
        and set(streams) >= set(range(tasks))
        and set(streams) == set(range(len(streams)))
        and all(message.exit_code == 0 for message in streams.values())
        and committed is not None
        and sum(message.items for message in streams.values()) == 2
    )
    assert (found.report is not None) == all_say_so
