"""What Cloud Run's own messages mean, for whatever combination of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.cloud import run_v2
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.launch import ExecutionState
from llm_convert.execution.backends.cloud_run_names import JobPlace
from llm_convert.execution.backends.cloud_run_status import status_of

State, Reason = run_v2.Condition.State, run_v2.Condition.ExecutionReason
NOW = datetime(2025, 11, 7, 14, tzinfo=UTC)
PLACE = JobPlace(project="p", region="r", job="j")

CONDITIONS = st.builds(
    run_v2.Condition,
    type_=st.sampled_from(["Completed", "Completed", "Started", "ContainerReady", "Retry"]),
    state=st.sampled_from(State),
    message=st.sampled_from(["", "some words."]),
    execution_reason=st.sampled_from(Reason),
)
EXECUTIONS = st.builds(
    run_v2.Execution,
    conditions=st.lists(CONDITIONS, max_size=3, unique_by=lambda condition: condition.type_),
    task_count=st.integers(1, 3),
    running_count=st.integers(0, 2),
    succeeded_count=st.integers(0, 3),
    failed_count=st.integers(0, 2),
    cancelled_count=st.integers(0, 2),
    completion_time=st.none() | st.just(NOW),
)
ATTEMPTS = st.builds(
    run_v2.TaskAttemptResult, exit_code=st.sampled_from([0, 1, 65, 75, 78]), term_signal=st.sampled_from([0, 9, 15])
)
TASKS = st.lists(st.builds(run_v2.Task, last_attempt_result=ATTEMPTS), max_size=3)


@settings(max_examples=200, deadline=None)
@given(EXECUTIONS, TASKS)
def test_nothing_that_failed_or_was_cancelled_is_a_success(execution, tasks):
    status = status_of(execution, tasks)
    completed = next((condition for condition in execution.conditions if condition.type_ == "Completed"), None)
    ended = completed is not None and completed.state in {State.CONDITION_FAILED, State.CONDITION_SUCCEEDED}
    assert status.over == (ended or execution.completion_time is not None)
    if status.state is ExecutionState.SUCCEEDED:
        assert not execution.failed_count
        assert not execution.cancelled_count
        assert completed is None or completed.state != State.CONDITION_FAILED
    if status.state is not ExecutionState.FAILED:
        assert (status.exit_code, status.signal) == (None, None)
    if status.state is ExecutionState.FAILED and any(task.last_attempt_result.exit_code == 78 for task in tasks):
        assert status.exit_code == 78


@pytest.mark.parametrize(("marker", "known"), [("job-abc12", True), ("a/b/job-abc12", True), ("4711@host", False)])
def test_only_a_name_of_cloud_runs_is_a_marker(marker: str, known: bool):
    assert PLACE.execution(marker) == ("projects/p/locations/r/jobs/j/executions/job-abc12" if known else "")


@given(st.text(max_size=40))
def test_a_marker_never_leads_out_of_the_job(marker: str):
    name = PLACE.execution(marker)
    assert name == "" or JobPlace.of_execution(name) == PLACE
