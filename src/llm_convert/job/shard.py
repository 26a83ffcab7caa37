"""Which of a run's work items are whose, when an execution has parallel tasks.

Every task plans the whole run and finds the same division by itself: nothing has to be handed out. What decides is the
documents' sizes, so that one large workbook does not leave a task working long after the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from llm_convert.job.plan import Planned
from llm_convert.settings import TaskPlace


def share_of(planned: Sequence[Planned], place: TaskPlace) -> list[int]:
    """The positions in ``planned`` that are this task's, ascending.

    The largest documents are dealt first, each to the task with the least so far. Entries without a work item are the
    first task's.
    """
    if place.count == 1:
        return list(range(len(planned)))
    sized = sorted(
        ((entry.item.size_bytes, position) for position, entry in enumerate(planned) if entry.item is not None),
        key=lambda pair: (-pair[0], pair[1]),
    )
    loads = [(0, task) for task in range(place.count)]
    mine = [] if place.index else [position for position, entry in enumerate(planned) if entry.item is None]
    for size, position in sized:
        load, task = heapq.heappop(loads)
        heapq.heappush(loads, (load + size + 1, task))
        if task == place.index:
            mine.append(position)
    return sorted(mine)
