"""The container's entry: environment in, exit code out. ``python -m llm_convert.job`` ends here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from llm_convert import wiring
from llm_convert.completion.roles import Purse
from llm_convert.completion.unlimited import OpenPurse
from llm_convert.contracts.bsda import parse_bsda
from llm_convert.contracts.keys import batches, tenant_prefix
from llm_convert.contracts.launch import JobRequest
from llm_convert.errors import ConfigurationError, LlmConvertError, exit_code_of
from llm_convert.job.commit import Committed
from llm_convert.job.job import Job, describe
from llm_convert.job.log import log_to_stdout
from llm_convert.ports import BatchService, ObjectStore
from llm_convert.settings import Settings, TaskPlace
from llm_convert.tenants import load_tenant

log = logging.getLogger("llm_convert.job")

FEW_THREADS = 6
"""Where the store is on this machine and nobody waits: more threads would only fight for the interpreter."""
MOST_THREADS = 64


def main(environ: Mapping[str, str] | None = None) -> int:
    """Run the job as its environment says; the exit code of the process."""
    environ = os.environ if environ is None else environ
    try:
        settings = Settings.from_environment(environ)
        log_to_stdout(settings.log_level)
        _, code = run_job(environ, settings)
    except LlmConvertError as error:
        logging.basicConfig()
        log.error(str(error))
        return exit_code_of(error)
    except Exception as error:
        log.exception("the job ended by a defect")
        return exit_code_of(error)
    return code


def run_job(environ: Mapping[str, str], settings: Settings) -> tuple[Committed | None, int]:
    """Run one task of an execution; the committed run when it was the last one to end, and the exit code.

    Raises:
        LlmConvertError: see ``Job.run``; also for missing or malformed variables.
    """
    request = read_request(environ, settings)
    store = wiring.open_store(settings)
    config = load_tenant(store, request.tenant, folder=settings.tenants)
    run_id = settings.run_id or f"{request.launch_key}-01"
    place = TaskPlace.from_environment(environ)
    execution = environ.get("CLOUD_RUN_EXECUTION") or f"{os.getpid()}@{socket.gethostname()}"
    purse: Purse = (
        wiring.open_purse(settings, store, config, bsda=request.bsda, launch_key=request.launch_key) or OpenPurse()
    )
    owner = f"{run_id}/{place.index}/{place.attempt}/{execution}"
    engine = wiring.open_engine(settings, environ, store=store, owner=owner, purse=purse)
    job = Job(
        request=request,
        run_id=run_id,
        config=config,
        settings=settings,
        place=place,
        store=store,
        engine=engine,
        purse=purse,
        batches=_open_batches(settings, environ, store, request.tenant, engine.name),
        filing=wiring.open_filing(settings),
        prompts=wiring.open_prompts(settings),
        clock=wiring.open_clock(),
        owner=owner,
        execution=execution,
    )
    log.info("run %s of tenant %s, BSDA %s, provider %s", job.run_id, request.tenant, request.bsda, job.engine.name)
    committed, code = asyncio.run(_run(job))
    said = f"task {job.place.index} is done; other tasks still work"
    if committed is not None:
        said = describe(committed.tally, committed.usage)
    log.info(said, extra={"fields": {"run_id": job.run_id, "exit_code": code}})
    return committed, code


def _open_batches(
    settings: Settings, environ: Mapping[str, str], store: ObjectStore, tenant: str, provider: str
) -> BatchService | None:
    """The batch interface, where the settings ask for it or a batch of an earlier run is still under way."""
    if settings.batch == "off" and next(iter(store.list(batches(tenant))), None) is None:
        return None
    return wiring.open_batches(settings, environ, store, provider)


def read_request(environ: Mapping[str, str], settings: Settings) -> JobRequest:
    """The request in the environment's variables.

    Raises:
        ConfigurationError: a variable is missing or malformed; it names the variable.
    """
    tenant = environ.get("TENANT_CODE", "").strip()
    if not tenant:
        raise ConfigurationError("TENANT_CODE is not set", remedy="Set it to a tenant's code, such as c8cd3500.")
    tenant_prefix(tenant)
    bsda = environ.get("BSDA", "").strip()
    if not bsda:
        raise ConfigurationError("BSDA is not set", remedy="Set it to the run's base time, such as 20251107140000.")
    return JobRequest(
        tenant=tenant,
        bsda=parse_bsda(bsda),
        file_id=environ.get("FILE_ID", "").strip() or None,
        prompt_id=environ.get("PROMPT_ID", "").strip() or None,
        force=settings.force,
        launch_key=settings.run_id.rpartition("-")[0] or f"shell-{uuid.uuid4().hex[:12]}",
    )


def _threads(job: Job) -> int:
    """How many may wait for the store at once: each document does so seven times."""
    if job.store.url.startswith("file:"):
        return FEW_THREADS
    return min(MOST_THREADS, 4 + 2 * job.settings.concurrency)


async def _run(job: Job) -> tuple[Committed | None, int]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_threads(job), "llm-convert"))
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            # Only the main thread may set handlers; elsewhere the caller stops the job its own way.
            loop.add_signal_handler(number, stop.set)
    try:
        return await job.run(stop)
    finally:
        if job.batches is not None:
            await job.batches.close()
        await job.engine.close()
