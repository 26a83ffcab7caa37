"""Whose work a task helps with once its own is done: the shares of tasks that have not left their part yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.errors import ObjectNotFoundError
from llm_convert.ports import ObjectStore
from llm_convert.settings import TaskPlace


class Helping:
    """Walks the other tasks once, from the next one on, so that helpers spread.

    Args:
        shares: of all tasks.
        is_work: whether a position is a work item.
    """

    def __init__(
        self,
        store: ObjectStore,
        request: JobRequest,
        run_id: str,
        place: TaskPlace,
        *,
        shares: list[list[int]],
        is_work: Callable[[int], bool],
    ) -> None:
        self._store, self._request, self._run_id = store, request, run_id
        self._shares, self._is_work = shares, is_work
        self._others = iter([(place.index + step) % place.count for step in range(1, place.count)])

    async def next_share(self) -> list[int] | None:
        """The positions of the next task that is not done; None when all were looked at."""
        for task in self._others:
            if not await asyncio.to_thread(self._is_done, task):
                return [position for position in self._shares[task] if self._is_work(position)]
        return None

    def _is_done(self, task: int) -> bool:
        key = keys.report_part(self._request.tenant, self._request.bsda, self._run_id, task)
        try:
            self._store.read(key)
        except ObjectNotFoundError:
            return False
        return True
