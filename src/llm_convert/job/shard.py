"""Which of a run's work items are whose, when an execution has parallel tasks.

Every task plans the whole run and finds the same division by itself: nothing has to be handed out. What decides is the
documents' sizes, so that one large workbook does not leave a task working long after the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from llm_convert.job.plan import Planned


def shares_of(planned: Sequence[Planned], tasks: int) -> list[list[int]]:
    """For each task the positions in ``planned`` that are its own, ascending.

    The largest documents are dealt first, each to the task with the least so far. Entries without a work item are the
    first task's.
    """
    if tasks == 1:
        return [list(range(len(planned)))]
    sized = sorted(
        ((entry.size_bytes, position) for position, entry in enumerate(planned) if entry.is_work),
        key=lambda pair: (-pair[0], pair[1]),
    )
    loads = [(0, task) for task in range(tasks)]
    shares: list[list[int]] = [[] for _ in range(tasks)]
    shares[0] = [position for position, entry in enumerate(planned) if not entry.is_work]
    for size, position in sized:
        load, task = heapq.heappop(loads)
        heapq.heappush(loads, (load + size + 1, task))
        shares[task].append(position)
    return [sorted(share) for share in shares]
