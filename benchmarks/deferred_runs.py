"""What one triggerer pays for many deferred runs: real triggers and messages, and a platform of known latency.

    python benchmarks/deferred_runs.py [runs] [seconds]

Each run has a job that writes a message now and then. Prints status questions and looks for messages a second, in all
and for each run, the time from the end of an execution to its event, memory and CPU. Airflow itself is loaded, as in a
triggerer; its own supervisor and database are not.
"""

import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="llm-convert-bench-"))
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "LLM_CONVERT_HOME": str(HOME),
    }
)

from llm_convert import wiring  # noqa: E402
from llm_convert.airflow import triggers  # noqa: E402
from llm_convert.airflow.waiting import Place, Waiting  # noqa: E402
from llm_convert.contracts import keys  # noqa: E402
from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus, JobRequest  # noqa: E402
from llm_convert.contracts.messages import Log, Opened  # noqa: E402
from llm_convert.execution.messages import MessageReader  # noqa: E402
from llm_convert.objects import to_jsonl  # noqa: E402
from llm_convert.settings import Settings  # noqa: E402

BSDA = "20251107140000"
LATENCY_SECONDS = 0.15
COUNTS = {"questions": 0, "looks": 0}


class Platform:
    """Every execution runs until its time; one listing tells of all."""

    ends: dict[str, float] = {}  # noqa: RUF012

    async def statuses(self, handles):
        COUNTS["questions"] += 1
        await asyncio.sleep(LATENCY_SECONDS)
        now = time.monotonic()
        running, done = (ExecutionStatus(state=state) for state in (ExecutionState.RUNNING, ExecutionState.SUCCEEDED))
        return {handle.name: done if now >= self.ends[handle.name] else running for handle in handles}

    async def close(self):
        pass


class CountedReader(MessageReader):
    def poll(self):
        COUNTS["looks"] += 1
        return super().poll()


def trigger_of(number, settings, poll_seconds):
    tenant = f"c{number:05d}"
    request = JobRequest(tenant=tenant, bsda=BSDA, launch_key=f"af-{number:012d}")
    waiting = Waiting(
        request=request,
        run_id=f"{request.launch_key}-01",
        handle=ExecutionHandle(backend="cloud_run", name=f"projects/p/locations/r/jobs/j/executions/{tenant}"),
        attached=False,
        intended_at=datetime.now(UTC),
        deadline=time.time() + 3600,
        poll_seconds=poll_seconds,
        place=Place.of(settings),
    )
    return triggers.ConversionTrigger(waiting)


def write(store, trigger, batch):
    request, run_id, now = trigger.waiting.request, trigger.waiting.run_id, datetime.now(UTC).isoformat()
    message = Log(sequence=batch, at=now, level="info", text="a line of progress")
    if batch == 0:
        facts = {"run_id": run_id, "tenant": request.tenant, "bsda": BSDA, "provider": "rules", "items": 10}
        message = Opened(sequence=0, at=now, **facts)
    key = keys.message_batch(request.tenant, BSDA, run_id, task=0, attempt=0, batch=batch)
    store.create(key, to_jsonl([message]))


async def job(store, trigger, until):
    """Writes a message every 20 s or so until the execution ends."""
    batch = 0
    while time.monotonic() < until:
        await asyncio.to_thread(write, store, trigger, batch)
        batch += 1
        await asyncio.sleep(min(random.uniform(10, 30), max(0.0, until - time.monotonic())))


async def waited(trigger):
    event = await anext(trigger.run())
    assert event.payload["status"] == "over", event.payload
    return time.monotonic() - Platform.ends[trigger.waiting.handle.name]


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def megabytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(runs, seconds):
    settings = Settings.from_environment()
    store = wiring.open_store(settings)
    empty = megabytes()
    waiters = [trigger_of(number, settings, poll_seconds=1.0) for number in range(runs)]
    began, cpu = time.monotonic(), cpu_seconds()
    for trigger in waiters:
        Platform.ends[trigger.waiting.handle.name] = began + seconds * random.uniform(0.9, 1.0)
    jobs = [asyncio.create_task(job(store, trigger, Platform.ends[trigger.waiting.handle.name])) for trigger in waiters]
    waiting = [asyncio.create_task(waited(trigger)) for trigger in waiters]
    await asyncio.sleep(seconds * 0.9)
    took, used, full, counts = time.monotonic() - began, cpu_seconds() - cpu, megabytes(), dict(COUNTS)
    late = await asyncio.gather(*waiting)
    await asyncio.gather(*jobs)
    print(f"{runs} deferred runs in one event loop, {took:.0f} s, a listing takes {LATENCY_SECONDS * 1000:.0f} ms")
    for name, count in counts.items():
        print(f"{name:<10} {count / took:7.2f} a second in all, {count / took / runs:.4f} a second each")
    polls = sum(counts.values()) / took / runs
    print(f"together   {polls:.4f} a second each: {'under' if polls < 1 else 'NOT under'} one")
    print(f"from end to event: median {statistics.median(late):.1f} s, worst {max(late):.1f} s")
    verdict = "under" if full < 400 else "NOT under"
    print(f"memory     {full:.0f} MB, {empty:.0f} MB of it before the first trigger: {verdict} 400")
    print(f"CPU        {used / took * 100:.1f} % of a core, the jobs' own writing included")


def main():
    given = [int(text) for text in sys.argv[1:]]
    runs, seconds = [*given, *(500, 60)[len(given) :]]
    wiring.open_execution_watch = lambda *_: Platform()
    triggers.MessageReader = CountedReader
    asyncio.run(measure(runs, seconds))


main()
