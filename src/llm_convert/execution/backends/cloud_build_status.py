"""What Cloud Build's messages say about a build, in our words. Pure: it reads messages and calls nothing."""

from __future__ import annotations

from typing import Any

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus

_FIRST_SIGNAL, _LAST_SIGNAL = 129, 128 + 64
_STATES = {
    "PENDING": ExecutionState.RUNNING,
    "QUEUED": ExecutionState.RUNNING,
    "WORKING": ExecutionState.RUNNING,
    "STATUS_UNKNOWN": ExecutionState.RUNNING,
    "SUCCESS": ExecutionState.SUCCEEDED,
    "CANCELLED": ExecutionState.CANCELLED,
}


def status_of(build: Any) -> ExecutionStatus:
    """How a ``cloudbuild_v1.Build`` stands. A container killed by signal N has the exit code 128 + N here."""
    name = str(getattr(build.status, "name", build.status))
    state = _STATES.get(name, ExecutionState.FAILED)
    detail = "; ".join(dict.fromkeys(filter(None, (build.status_detail, build.failure_info.detail))))
    if state is not ExecutionState.FAILED:
        return ExecutionStatus(state=state, detail=detail, reason="CANCELLED" if name == "CANCELLED" else "")
    failure = str(getattr(build.failure_info.type_, "name", ""))
    reason = failure if name == "FAILURE" and failure not in {"", "FAILURE_TYPE_UNSPECIFIED"} else name
    code = next((step.exit_code for step in build.steps if step.exit_code), None)
    if code is not None and _FIRST_SIGNAL <= code <= _LAST_SIGNAL:
        return ExecutionStatus(state=state, signal=code - 128, detail=detail, reason=reason)
    # A step that never came to an exit has a negative code.
    return ExecutionStatus(state=state, exit_code=code if code and code > 0 else None, detail=detail, reason=reason)
