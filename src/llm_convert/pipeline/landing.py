"""Landing rows: tag them with where they came from, keep the Parquet, load it once for a tenant, BSDA and branch."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts import keys
from llm_convert.contracts.steps import StepRow
from llm_convert.errors import ObjectNotFoundError
from llm_convert.objects import overwrite
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.parquet import digest_of, tagged_parquet
from llm_convert.ports import Landed, Load


def land_rows(context: StepContext, table: str, typed: bytes, rows: Sequence[StepRow]) -> Landed | None:
    """Land one table's rows.

    Args:
        typed: the rows' own columns as Parquet, in the same order.

    Returns:
        None where there are no rows, and no earlier landing of the same night that must be emptied.
    """
    key = keys.table(context.tenant, table, context.bsda, context.branch)
    if not rows and not _exists(context, key):
        return None
    tagged = tagged_parquet(typed, rows, tenant=context.tenant, bsda=context.bsda, branch=context.branch)
    overwrite(context.store, key, tagged)
    return context.warehouse.land(
        Load(
            table=table,
            tenant=context.tenant,
            bsda=context.bsda,
            branch=context.branch,
            digest=digest_of(tagged),
            parquet=tagged,
            uri=context.store.locate(key),
        )
    )


def _exists(context: StepContext, key: str) -> bool:
    try:
        context.store.read(key)
    except ObjectNotFoundError:
        return False
    return True
