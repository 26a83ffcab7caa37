from __future__ import annotations

import re
import signal

import pytest
from execution_world import item
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus
from llm_convert.contracts.messages import Closed, Opened, Progress
from llm_convert.contracts.messages import ItemDone as Item
from llm_convert.contracts.usage import Usage
from llm_convert.errors import Transient
from llm_convert.execution import errors
from llm_convert.execution.diagnosis import Ailment, diagnose
from llm_convert.execution.last_seen import LastSeen
from llm_convert.execution.verdict import verdict

RUN = "projects/p/locations/asia-northeast1/jobs/convert/executions/convert-abc12"
BUILD = "projects/p/locations/asia-northeast3/builds/0000-1111"
AT = "2025-11-07T14:00:00+00:00"


def failed(**facts: object) -> ExecutionStatus:
    return ExecutionStatus.model_validate({"state": "failed", **facts})


@pytest.mark.parametrize(
    ("status", "ailment"),
    [
        (ExecutionStatus(state=ExecutionState.CANCELLED), Ailment.CANCELLED),
        (failed(signal=9), Ailment.OUT_OF_MEMORY),
        (failed(exit_code=137), Ailment.OUT_OF_MEMORY),
        (failed(detail="The configured memory limit was reached."), Ailment.OUT_OF_MEMORY),
        (failed(detail="Memory limit of 512 MiB exceeded with 516 MiB used.", signal=9), Ailment.OUT_OF_MEMORY),
        (failed(detail="The configured timeout was reached.", signal=9), Ailment.TIMED_OUT),
        (failed(detail="Terminating task because it has reached the maximum timeout of 600 s"), Ailment.TIMED_OUT),
        (failed(reason="TIMEOUT", signal=9), Ailment.TIMED_OUT),
        (failed(reason="CONTAINER_MISSING"), Ailment.IMAGE_MISSING),
        (failed(detail="Image 'asia-docker.pkg.dev/p/r/job:9' not found."), Ailment.IMAGE_MISSING),
        (failed(reason="CONTAINER_PERMISSION_DENIED"), Ailment.PERMISSION_REFUSED),
        (failed(reason="SECRETS_ACCESS_CHECK_FAILED"), Ailment.PERMISSION_REFUSED),
        (
            failed(detail="Service Agent service-1@serverless-robot-prod must have permission to read the image"),
            Ailment.PERMISSION_REFUSED,
        ),
        (failed(detail="Permission 'storage.objects.get' denied on resource"), Ailment.PERMISSION_REFUSED),
        (failed(detail="Quota exceeded for total allowable CPU per project per region."), Ailment.QUOTA),
        (failed(reason="EXPIRED"), Ailment.QUOTA),
        (failed(detail="Application failed to start: Failed to create init process"), Ailment.NOT_STARTED),
        (failed(exit_code=127), Ailment.NOT_STARTED),
        (ExecutionStatus(state=ExecutionState.ENDED, reason="NOT_FOUND"), Ailment.LOST),
        (ExecutionStatus(state=ExecutionState.ENDED), Ailment.LOST),
        (failed(exit_code=1), None),
        (failed(exit_code=75, detail="a rate limit of the model's quota"), None),
        (failed(exit_code=78, detail="The container exited with an error."), None),
        (failed(), None),
        (ExecutionStatus(state=ExecutionState.SUCCEEDED), None),
        (ExecutionStatus(state=ExecutionState.RUNNING, detail="Image 'x' not found"), None),
    ],
)
def test_each_ending_has_its_name(status: ExecutionStatus, ailment: Ailment | None):
    found = diagnose(status, execution=RUN)
    assert (found.ailment if found else None) is ailment
    if found:
        assert found.remedy
        assert status.detail.rstrip(".") in found.found


@pytest.mark.parametrize(
    ("ailment", "execution", "words"),
    [
        (failed(signal=9), RUN, "gcloud run jobs update convert --region asia-northeast1 --project p --memory"),
        (failed(signal=9), BUILD, "machine=E2_HIGHCPU_8"),
        (failed(signal=9), "pid-7", "LLM_CONVERT_CONCURRENCY"),
        (failed(reason="TIMEOUT"), RUN, "LLM_CONVERT_JOB_TIMEOUT_SECONDS"),
        (failed(reason="CONTAINER_MISSING"), RUN, "gcloud run jobs update convert .* --image IMAGE"),
        (failed(reason="CONTAINER_PERMISSION_DENIED"), RUN, r"roles/artifactregistry\.reader on the repository"),
        (failed(reason="EXPIRED"), BUILD, r"quotas\?project=p"),
        (failed(exit_code=127), RUN, "gcloud run jobs describe convert --region asia-northeast1 --project p"),
    ],
)
def test_remedies_name_the_command_or_the_role(ailment: ExecutionStatus, execution: str, words: str):
    found = diagnose(ailment, execution=execution)
    assert found
    assert re.search(words, found.remedy)
    assert "{" not in found.remedy


def test_an_error_tells_ending_stage_document_remedy_and_log():
    seen = LastSeen(task=2)
    messages = [
        Opened(sequence=0, at=AT, run_id="r", tenant="t", bsda="b", provider="rules", items=10),
        Item(sequence=1, at=AT, item=item(4)),
        Progress(sequence=2, at=AT, done=3, total=10, rows=9, usage=Usage()),
    ]
    for message in messages:
        seen = seen.after(message)
    found = verdict(failed(signal=signal.SIGKILL), {}, None, log="https://log", execution=RUN, seen=seen)
    error = found.error
    assert isinstance(error, errors.ExecutionTryAgainError)
    assert error.signal_number == 9
    assert error.diagnosis is not None
    assert error.diagnosis.ailment is Ailment.OUT_OF_MEMORY
    for words in (
        "SIGKILL (9)",
        "ran out of memory",
        "task 2 was last seen after 3 of 10 work items",
        "'주간 보고 4.xlsx'",
        "--memory 4Gi",
        "Log: https://log",
    ):
        assert words in str(error)


def test_a_kill_for_time_is_not_called_one_for_memory():
    status = failed(signal=9, detail="The configured timeout was reached.")
    error = verdict(status, {}, None, execution=RUN, timeout_seconds=60).error
    assert "longer than the platform's task timeout of 60 s" in str(error)
    assert "memory" not in str(error)


def test_stages_follow_the_messages():
    seen = LastSeen()
    assert str(seen) == "task 0 was last seen before its first message"
    seen = seen.after(Opened(sequence=0, at=AT, run_id="r", tenant="t", bsda="b", provider="rules", items=2))
    assert str(seen) == "task 0 was last seen after opening with 2 work items"
    seen = seen.after(Item(sequence=1, at=AT, item=item(1)))
    assert "while converting, the last document done was '주간 보고 1.xlsx'" in str(seen)
    seen = seen.after(Closed(sequence=2, at=AT, exit_code=0, items=2))
    assert "after closing" in str(seen)


@pytest.mark.parametrize("reason", ["CONTAINER_MISSING", "CONTAINER_PERMISSION_DENIED", "HEALTH_CHECK_CONTAINER_ERROR"])
def test_what_only_a_person_mends_is_not_tried_again(reason: str):
    error = verdict(failed(reason=reason), {}, None, execution=RUN).error
    assert isinstance(error, errors.ExecutionConfigurationError)
    assert not isinstance(error, Transient)


def test_the_jobs_own_words_and_code_win_over_a_guess():
    closed = {0: Closed(sequence=3, at=AT, exit_code=78, items=0, reason="LLM_CONVERT_PROVIDER is 'vertx'")}
    error = verdict(failed(exit_code=78, detail="permission x denied"), closed, None, execution=RUN).error
    assert isinstance(error, errors.ExecutionConfigurationError)
    assert "vertx" in str(error)
    assert error.diagnosis is None


STATUSES = st.builds(
    ExecutionStatus,
    state=st.sampled_from(ExecutionState),
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
    detail=st.text(max_size=30) | st.sampled_from(["memory limit", "quota {job}", "timed out"]),
    reason=st.sampled_from(["", "TIMEOUT", "CANCELLED", "NON_ZERO_EXIT_CODE", "DELETED", "???"]),
)


@settings(max_examples=150)
@given(STATUSES, st.sampled_from([RUN, BUILD, "pid-1", "", "projects/{job}"]), st.none() | st.just(LastSeen()))
def test_any_facts_give_words_and_a_remedy_or_nothing(status, execution, seen):
    found = diagnose(status, execution=execution, seen=seen)
    if status.state in {ExecutionState.SUCCEEDED, ExecutionState.RUNNING}:
        assert found is None
    if found is not None:
        assert found.found
        assert found.remedy
        assert "{project}" not in found.remedy
