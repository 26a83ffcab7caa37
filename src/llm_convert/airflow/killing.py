"""Whether a trigger was ended because its task was given up: only then is its execution cancelled.

Airflow cancels a trigger for several reasons: a person marked its task, its DAG run timed out, a person cleared the
task, the triggerer stops, or another triggerer has taken the trigger over. From 3.3 on it calls ``on_kill`` for the
first three; the task's state tells them apart in every version. A cleared task runs again and attaches to the same
execution, which nobody may cancel under its hands.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from airflow.triggers.base import BaseTrigger

TELLS_OF_KILLS = hasattr(BaseTrigger, "on_kill")
"""Whether this Airflow calls a trigger's ``on_kill``."""
ANSWER_SECONDS = 10.0
"""How long Airflow may take to tell a task's state: a triggerer that stops may never."""
GIVEN_UP = frozenset({"failed", "success", "skipped", "upstream_failed", "removed"})
"""States of a task that nobody runs any more; in any other, somebody waits for its execution or soon will."""


async def was_given_up(task_instance: Any) -> bool:
    """Whether nobody will wait for the execution of this task instance any more; False when Airflow does not tell.

    Args:
        task_instance: the trigger's; None outside of a triggerer.
    """
    with contextlib.suppress(Exception):
        return await asyncio.wait_for(_state(task_instance), ANSWER_SECONDS) in GIVEN_UP
    return False


async def _state(task_instance: Any) -> str | None:
    """The state of the task's newest try; None when it has none, as right after it was cleared."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    map_index = task_instance.map_index if task_instance.map_index is not None else -1
    # This adapter and no plain thread: before 3.2 Airflow finds its own event loop again by it.
    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task_instance.dag_id,
        task_ids=[task_instance.task_id],
        run_ids=[task_instance.run_id],
        map_index=map_index,
    )
    name = task_instance.task_id if map_index < 0 else f"{task_instance.task_id}_{map_index}"
    state = states[task_instance.run_id][name]
    return None if state is None else str(getattr(state, "value", state))
