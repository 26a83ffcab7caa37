"""Starting an execution at most once, and finding it again after anything was killed."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime

from llm_convert.contracts import keys
from llm_convert.contracts.launch import ExecutionHandle, JobRequest, Launch, run_id_of
from llm_convert.contracts.report import Report
from llm_convert.errors import ConfigurationError, PreconditionFailedError, UnavailableError
from llm_convert.execution.coverage import leaves_nothing_to_do
from llm_convert.execution.errors import (
    LaunchUnsettledError,
    OtherBackendError,
    StartUnansweredError,
    StillStartingError,
)
from llm_convert.execution.messages import find_marker
from llm_convert.execution.tasks import tasks_for
from llm_convert.objects import find_model, read_model
from llm_convert.ports import Clock, JobBackend, ObjectStore

INTENT_GRACE_SECONDS = 60.0
"""How long an intent without an execution is taken for a launch under way; a start takes far less."""
LOOK_AGAIN_SECONDS = 0.5
SETTLE_SECONDS = 180.0
"""How long ``launch_or_attach`` waits for other launchers before it gives up; longer than a grace and a cancel."""

LOST_ANSWER_SECONDS = 20.0
"""How long a launcher looks for the execution whose start was not answered; well within the grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run that is started, found running, or found done."""

    run_id: str
    handle: ExecutionHandle
    """Its name is empty for a run that is done and whose handle was never stored."""
    attached: bool
    """Found instead of started."""
    finished: Report | None = None
    """The committed report of a run that leaves nothing to do."""
    intended_at: datetime | None = None
    """When the intent was written: deadlines count from it, so that a retry does not prolong them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """It can't be decided yet; look again in a moment."""

    reason: str


def launch_or_attach(store: ObjectStore, backend: JobBackend, request: JobRequest, *, clock: Clock) -> Launched:
    """The one execution of a piece of work: found if there is one that serves, else started.

    Launches are those of ``request.launch_key``; attempt N has the run id ``<launch_key>-NN``. The newest decides:

    1. Its handle is stored, and the execution runs: attach. If it is being cancelled: wait for its end.
    2. Its handle is missing, and the backend finds the execution: store the handle, go on as in 1. The backend finds
       none: while the intent is younger than ``INTENT_GRACE_SECONDS``, wait; after it, mark the launch as abandoned.
    3. It is over and its report is committed: it is finished, unless the request forces and it did not, asks for other
       kinds of documents, the manifests name a document that the report lacks, or an item ended by a cause that the
       next run tries again. Then a new attempt.
    4. It is over without a report, or abandoned, or there is none: a new attempt.

    A new attempt writes its intent first; of several launchers one succeeds, and the others go round and attach. Then
    it starts the execution, once, and stores the handle. A failed start is never repeated: this call looks for what
    came of it for ``LOST_ANSWER_SECONDS``, and after that the next call does. An error of the store or the backend
    while looking is raised and starts nothing.

    The window that remains: a launcher that stands still for longer than the grace between its intent and its start
    finds its intent abandoned, and cancels what it started. For that moment two executions run; claims keep them from
    paying for the same document.

    Raises:
        UnavailableError: the store or the backend can't be asked; nothing is started blindly.
        LaunchUnsettledError: other launchers did not settle it within ``SETTLE_SECONDS``.
        OtherBackendError: the newest launch is of another backend.
    """
    began = clock.now()
    while True:
        try:
            found = try_launch(store, backend, request, now=clock.now())
        except StartUnansweredError as error:
            return _await_answer(store, backend, request, error, clock)
        if isinstance(found, Launched):
            return found
        waited = (clock.now() - began).total_seconds()
        if waited > SETTLE_SECONDS:
            raise LaunchUnsettledError(reason=found.reason, waited_seconds=waited)
        clock.sleep(LOOK_AGAIN_SECONDS)


def _await_answer(
    store: ObjectStore, backend: JobBackend, request: JobRequest, unanswered: StartUnansweredError, clock: Clock
) -> Launched:
    """What came of a start whose answer was lost. It only looks, so that a start is never repeated.

    A caller without a retry left would otherwise leave behind an execution that nobody watches.
    """
    began = clock.now()
    while (clock.now() - began).total_seconds() <= LOST_ANSWER_SECONDS:
        with contextlib.suppress(UnavailableError):
            stored = store.read(_key(request, unanswered.run_id))
            launch = Launch.from_json(stored.data)
            handle = launch.handle or _find(store, backend, launch)
            if handle and (launch.handle or _settle(store, launch, stored.version, handle=handle)):
                return _launched(launch, handle, attached=False)
        clock.sleep(LOOK_AGAIN_SECONDS)
    raise unanswered


def try_launch(store: ObjectStore, backend: JobBackend, request: JobRequest, *, now: datetime) -> Launched | Unsettled:
    """One round of ``launch_or_attach``, which never waits."""
    attempt = newest_attempt(store, request)
    if attempt == 0:
        return _start(store, backend, request, 1, now)
    key = _key(request, run_id_of(request.launch_key, attempt))
    stored = store.read(key)
    launch = Launch.from_json(stored.data)
    report = find_model(store, keys.report(request.tenant, request.bsda, launch.run_id), Report)
    if launch.abandoned_at is None and report is None and launch.backend != backend.name:
        raise OtherBackendError(run_id=launch.run_id, launched_on=launch.backend, asked=backend.name, key=key)
    if launch.abandoned_at is None and launch.backend == backend.name:
        found = _look(store, backend, launch, stored.version, now, committed=report is not None)
        if found is not None:
            return found
        # It may have been committed while the platform was asked.
        report = find_model(store, keys.report(request.tenant, request.bsda, launch.run_id), Report)
    if report is not None and leaves_nothing_to_do(store, request, launch, report):
        handle = launch.handle or ExecutionHandle(backend=launch.backend, name="")
        return _launched(launch, handle, attached=True, finished=report)
    return _start(store, backend, request, attempt + 1, now)


def newest_attempt(store: ObjectStore, request: JobRequest) -> int:
    """The number of the newest launch of this piece of work; 0 when there is none."""
    prefix = keys.launches(request.tenant, request.bsda, request.launch_key)
    # Another key may begin with this one and a hyphen; its runs are not ours.
    ours = re.compile(re.escape(prefix) + r"(\d{2,})/launch\.json")
    matches = (ours.fullmatch(info.key) for info in store.list(prefix))
    return max((int(match[1]) for match in matches if match), default=0)


def _look(
    store: ObjectStore, backend: JobBackend, launch: Launch, version: str, now: datetime, *, committed: bool
) -> Launched | Unsettled | None:
    """Attach, or wait; None when the execution is over or never was."""
    handle = launch.handle
    if handle is None:
        try:
            handle = _find(store, backend, launch)
        except StillStartingError as error:
            return Unsettled(reason=error.found)
        if handle is None:
            return None if committed else _await_or_abandon(store, launch, version, now)
        if not _settle(store, launch, version, handle=handle):
            return Unsettled(reason=f"the launch of {launch.run_id} was just changed by another launcher")
    status = backend.status(handle)
    if status.over:
        return None
    if status.stopping:
        return Unsettled(reason=f"{launch.run_id} was cancelled and is not over yet")
    return _launched(launch, handle, attached=True)


def _find(store: ObjectStore, backend: JobBackend, launch: Launch) -> ExecutionHandle | None:
    """The execution of a launch without a handle, by what its container left or by what the platform knows."""
    request, run_id = launch.request, launch.run_id
    return backend.find(request, run_id, marker=find_marker(store, request.tenant, request.bsda, run_id))


def _await_or_abandon(store: ObjectStore, launch: Launch, version: str, now: datetime) -> Unsettled | None:
    age = (now - datetime.fromisoformat(launch.intended_at)).total_seconds()
    if age <= INTENT_GRACE_SECONDS:
        return Unsettled(reason=f"{launch.run_id} was intended {age:.0f} s ago and its execution can't be found")
    if not _settle(store, launch, version, abandoned_at=now):
        return Unsettled(reason=f"the launch of {launch.run_id} was just changed by another launcher")
    return None


def _start(
    store: ObjectStore, backend: JobBackend, request: JobRequest, attempt: int, now: datetime
) -> Launched | Unsettled:
    run_id = run_id_of(request.launch_key, attempt)
    request = request.model_copy(update={"tasks": tasks_for(store, backend, request)})
    launch = Launch(request=request, run_id=run_id, backend=backend.name, intended_at=now.isoformat())
    try:
        version = store.create(_key(request, run_id), launch.to_json())
    except PreconditionFailedError:
        return Unsettled(reason=f"another launcher was first with {run_id}")
    try:
        handle = backend.start(request, run_id)
    except ConfigurationError:
        # The backend refused, so nothing runs: whoever corrects the setting need not wait out the grace.
        _settle(store, launch, version, abandoned_at=now)
        raise
    except UnavailableError as error:
        raise StartUnansweredError(run_id=run_id, cause=error) from error
    if _settle(store, launch, version, handle=handle) or _is_stored(store, launch, handle):
        return _launched(launch, handle, attached=False)
    backend.cancel(handle)
    return Unsettled(reason=f"{run_id} was given up by another launcher before it was started")


def _settle(
    store: ObjectStore,
    launch: Launch,
    version: str,
    *,
    handle: ExecutionHandle | None = None,
    abandoned_at: datetime | None = None,
) -> bool:
    """Write what became of an intent; False when somebody else already did."""
    settled = launch.model_copy(
        update={"handle": handle, "abandoned_at": abandoned_at.isoformat() if abandoned_at else None}
    )
    try:
        store.replace(_key(launch.request, launch.run_id), settled.to_json(), if_version=version)
    except PreconditionFailedError:
        return False
    return True


def _is_stored(store: ObjectStore, launch: Launch, handle: ExecutionHandle) -> bool:
    """Whether another launcher found the same execution and stored its handle."""
    stored = read_model(store, _key(launch.request, launch.run_id), Launch).handle
    return stored is not None and stored.name == handle.name


def _launched(launch: Launch, handle: ExecutionHandle, *, attached: bool, finished: Report | None = None) -> Launched:
    intended_at = datetime.fromisoformat(launch.intended_at)
    return Launched(run_id=launch.run_id, handle=handle, attached=attached, finished=finished, intended_at=intended_at)


def _key(request: JobRequest, run_id: str) -> str:
    return keys.launch(request.tenant, request.bsda, run_id)
