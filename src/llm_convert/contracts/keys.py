"""The object store's layout: where everything lies, so that a person can see it with ``ls``."""

from __future__ import annotations

import re

from llm_convert.contracts.bsda import parse_bsda
from llm_convert.contracts.tenant import CODE_PATTERN
from llm_convert.errors import ConfigurationError

_SAFE = re.compile(CODE_PATTERN)


def tenant_prefix(tenant: str) -> str:
    """The prefix below which all of a tenant lies.

    Raises:
        ConfigurationError: for a code that could lead out of the tenant's own prefix.
    """
    if not _SAFE.match(tenant):
        raise ConfigurationError(f"TENANT_CODE {tenant!r} is no code", remedy="Use letters, digits, '-' and '_' only.")
    return f"tenants/{tenant}"


def config(tenant: str) -> str:
    """The tenant's configuration as its DAG last published it."""
    return f"{tenant_prefix(tenant)}/config.json"


def landing(tenant: str, source_id: str, bsda: str, name: str) -> str:
    """A crawled file's bytes."""
    return f"{tenant_prefix(tenant)}/landing/{source_id}/{bsda}/{name}"


def taken(tenant: str, source_id: str, sha256: str) -> str:
    """The mark that a source gave these bytes once, holding the BSDA that took them."""
    return f"{tenant_prefix(tenant)}/taken/{source_id}/{sha256}.json"


def runs(tenant: str) -> str:
    """The prefix of all BSDAs of a tenant."""
    return f"{tenant_prefix(tenant)}/runs"


def night(tenant: str, bsda: str) -> str:
    """The prefix of one BSDA."""
    return f"{runs(tenant)}/{parse_bsda(bsda)}"


def crawled(tenant: str, bsda: str, source_id: str) -> str:
    """What the crawler took from a source."""
    return f"{night(tenant, bsda)}/crawled/{source_id}.json"


def documents(tenant: str, bsda: str, source_id: str = "") -> str:
    """A source's manifest; without a source, the prefix of all of them."""
    return f"{night(tenant, bsda)}/documents/{source_id}" + (".json" if source_id else "")


def step(tenant: str, bsda: str, branch: str, name: str) -> str:
    """What one downstream step left for the next: ``steps/<branch>/<name>``."""
    return f"{night(tenant, bsda)}/steps/{branch}/{name}"


def run(tenant: str, bsda: str, run_id: str) -> str:
    """The prefix of one run."""
    return f"{night(tenant, bsda)}/run/{run_id}"


def launches(tenant: str, bsda: str, launch_key: str) -> str:
    """The prefix of all runs that one piece of work started."""
    return f"{night(tenant, bsda)}/run/{launch_key}-"


def launch(tenant: str, bsda: str, run_id: str) -> str:
    """Intent, then handle."""
    return f"{run(tenant, bsda, run_id)}/launch.json"


def report(tenant: str, bsda: str, run_id: str) -> str:
    """The commit marker of a run."""
    return f"{run(tenant, bsda, run_id)}/report.json"


def report_parts(tenant: str, bsda: str, run_id: str) -> str:
    """The prefix of what each parallel task did."""
    return f"{run(tenant, bsda, run_id)}/parts/"


def report_part(tenant: str, bsda: str, run_id: str, task: int) -> str:
    """What one parallel task did."""
    return f"{report_parts(tenant, bsda, run_id)}{task:04d}.json"


def routing(tenant: str, bsda: str, run_id: str) -> str:
    """The kinds that a model chose for documents without one."""
    return f"{run(tenant, bsda, run_id)}/routing.json"


def messages(tenant: str, bsda: str, run_id: str) -> str:
    """The prefix of a run's message streams."""
    return f"{run(tenant, bsda, run_id)}/messages/"


def message_batch(tenant: str, bsda: str, run_id: str, *, task: int, attempt: int, batch: int) -> str:
    """One flushed batch of one task's stream."""
    return f"{messages(tenant, bsda, run_id)}{task:04d}-{attempt:02d}/{batch:06d}.jsonl"


def work_items(tenant: str) -> str:
    """What claims, answers and results lie below, by work item."""
    return f"{tenant_prefix(tenant)}/items"


def work(tenant: str, item_id: str, name: str) -> str:
    """``claim``, ``reply``, ``result`` or ``failure`` of a work item."""
    return f"{work_items(tenant)}/{item_id}/{name}.json"


def table(tenant: str, table_name: str, bsda: str, branch: str) -> str:
    """The tagged Parquet of one table, BSDA and branch."""
    return f"{tenant_prefix(tenant)}/tables/{table_name}/{bsda}/{branch}.parquet"


def pacing(digest: str) -> str:
    """What all processes that use one quota tell each other; it belongs to no tenant."""
    return f"pacing/{digest}.json"


def run_budget(tenant: str, bsda: str, launch_key: str) -> str:
    """What was spent for one piece of work, whichever of its runs spent it."""
    return f"{night(tenant, bsda)}/budgets/{launch_key}.json"


def tenant_budget(tenant: str, month: str) -> str:
    """What was spent for a tenant in a month, ``YYYY-MM``."""
    return f"{tenant_prefix(tenant)}/budgets/{month}.json"


def month_budget(month: str) -> str:
    """What was spent for all tenants in a month."""
    return f"budgets/{month}.json"


def reply(tenant: str, item_id: str, call: int) -> str:
    """What the n-th call of a work item was answered."""
    return work(tenant, item_id, "reply" if call == 1 else f"reply-{call}")


def batches(tenant: str, name: str = "") -> str:
    """A batch under way; without a name, the prefix of all of a tenant."""
    return f"{tenant_prefix(tenant)}/batches/{name}" + (".json" if name else "")


def programs(tenant: str, prompt_id: str = "") -> str:
    """The prefix of the programs kept for a prompt; without a prompt, of all of a tenant."""
    return f"{tenant_prefix(tenant)}/programs/" + (f"{prompt_id}/" if prompt_id else "")
