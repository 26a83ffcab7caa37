"""How many executions of Cloud Run stand, in one listing for each job: hundreds of waiting tenants cost one call.

It never starts or cancels anything. The packages are loaded and credentials found in a thread, so that the event loop
of a triggerer does not stand still for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus
from llm_convert.errors import ConfigurationError
from llm_convert.execution.backends.cloud_run_names import JobPlace
from llm_convert.execution.backends.cloud_run_status import has_failed, status_of
from llm_convert.execution.backends.google_api import (
    NEVER_RETRY,
    async_client,
    blocking_client,
    calling,
    default_credentials,
    has_async_side,
    load,
)
from llm_convert.settings import Settings

_LEAST, _MOST = 50, 500
"""Of a page: waited-for executions are among the newest, and a page in one answer must not become huge."""
MOST_PAGES = 20
"""Of one job in one look; what lies further back is left out."""


class CloudRunWatch:
    """Asks Cloud Run for all executions of a job at once.

    Use one in one event loop. For the REST endpoint of an emulator, which has no asynchronous client, it lists in a
    thread.

    Args:
        settings: ``cloud_run_endpoint`` for an emulator.
    """

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.cloud_run_endpoint
        self._clients: tuple[Any, Any] | None = None
        self._connecting = asyncio.Lock()

    async def statuses(self, handles: Sequence[ExecutionHandle]) -> dict[str, ExecutionStatus]:
        """By handle name, how each stands. One that its job's listing does not have is left out.

        Raises:
            UnavailableError: a job can't be asked now.
            ConfigurationError: the platform refuses to tell, or a handle is of another backend.
        """
        wanted: dict[JobPlace, set[str]] = {}
        for handle in handles:
            wanted.setdefault(JobPlace.of_execution(handle.name), set()).add(handle.name)
        executions, tasks = await self._connected()
        told = await asyncio.gather(*(self._of_job(executions, tasks, *item) for item in wanted.items()))
        return {name: status for one in told for name, status in one.items()}

    async def close(self) -> None:
        """Close the connections; the next look opens new ones."""
        clients, self._clients = self._clients, None
        for client in clients or ():
            closed = client.transport.close()
            if asyncio.iscoroutine(closed):
                await closed

    async def _connected(self) -> tuple[Any, Any]:
        """Clients of executions and of tasks."""
        async with self._connecting:
            if self._clients is None:
                run_v2 = await asyncio.to_thread(load, "google.cloud.run_v2", package="google-cloud-run")
                if has_async_side(self._endpoint):
                    credentials = None if self._endpoint else await asyncio.to_thread(default_credentials)
                    kinds = (run_v2.ExecutionsAsyncClient, run_v2.TasksAsyncClient)
                    first, second = (async_client(kind, self._endpoint, credentials) for kind in kinds)
                else:
                    blocking = (run_v2.ExecutionsClient, run_v2.TasksClient)
                    first, second = (blocking_client(kind, self._endpoint) for kind in blocking)
                self._clients = first, second
            return self._clients

    async def _of_job(
        self, executions: Any, tasks: Any, place: JobPlace, names: set[str]
    ) -> dict[str, ExecutionStatus]:
        told: dict[str, ExecutionStatus] = {}
        size = max(_LEAST, min(2 * len(names), _MOST))
        with calling(f"listing the executions of {place.path}", place.remedies):
            async for page in _pages(executions.list_executions, {"parent": place.path, "page_size": size}):
                for execution in page.executions:
                    if execution.name in names:
                        told[execution.name] = await self._status(tasks, execution)
                if told.keys() == names:
                    break
        return told

    async def _status(self, tasks: Any, execution: Any) -> ExecutionStatus:
        if not has_failed(execution):
            return status_of(execution)
        place = JobPlace.of_execution(execution.name)
        try:
            with calling(f"listing the tasks of {execution.name}", place.remedies):
                pages = [page async for page in _pages(tasks.list_tasks, {"parent": execution.name})]
        except ConfigurationError:
            # Without run.tasks.list there is no exit code, but a failure stays one.
            return status_of(execution)
        return status_of(execution, [task for page in pages for task in page.tasks])


async def _pages(method: Any, request: dict[str, Any]) -> AsyncIterator[Any]:
    """The answers of a listing, one call each, by an asynchronous client or a blocking one."""
    token = ""
    for _ in range(MOST_PAGES):
        page = await _first_page(method, {**request, "page_token": token})
        yield page
        token = page.next_page_token
        if not token:
            return


async def _first_page(method: Any, request: dict[str, Any]) -> Any:
    if asyncio.iscoroutinefunction(method):
        pager = await method(request=request, **NEVER_RETRY)
        return await anext(aiter(pager.pages))
    return await asyncio.to_thread(lambda: next(iter(method(request=request, **NEVER_RETRY).pages)))
