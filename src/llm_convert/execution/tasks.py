"""How many parallel tasks an execution gets."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.contracts.manifest import Manifest
from llm_convert.objects import read_model
from llm_convert.ports import JobBackend, ObjectStore

DOCUMENTS_PER_TASK = 40
"""A task's start costs about as long as a few documents; fewer for each would pay for starting."""
MOST_CHOSEN = 10
"""More than this share one model quota without being faster; whoever knows better asks for more."""


def tasks_for(store: ObjectStore, backend: JobBackend, request: JobRequest) -> int:
    """The request's own number, else the settings', else one for every 40 documents, 10 at most.

    Never more than the backend can run.
    """
    asked = request.tasks or backend.job_tasks
    if backend.max_tasks == 1 or asked:
        return min(asked or 1, backend.max_tasks)
    wanted = -(-documents_for_a_model(store, request) // DOCUMENTS_PER_TASK)
    return max(1, min(wanted, MOST_CHOSEN, backend.max_tasks))


def documents_for_a_model(store: ObjectStore, request: JobRequest) -> int:
    """How many documents of the request's BSDA need a model, as its manifests tell."""
    infos = store.list(keys.documents(request.tenant, request.bsda))
    entries = (entry for info in infos for entry in read_model(store, info.key, Manifest).entries)
    return sum(
        entry.table is None and entry.file_id is not None and request.file_id in {None, entry.file_id}
        for entry in entries
    )
