"""Query jobs: a script in a session, its result as a table, its statistics."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import HIDDEN, TableRef
from llm_convert.testing.emulators.bigquery.faults import ApiError, access_denied, invalid_query
from llm_convert.testing.emulators.bigquery.information import Information
from llm_convert.testing.emulators.bigquery.jobs import Job, Jobs, Result, new_id
from llm_convert.testing.emulators.bigquery.parameters import Parameters
from llm_convert.testing.emulators.bigquery.runs import Run
from llm_convert.testing.emulators.bigquery.script import Sql, parse_script
from llm_convert.testing.emulators.bigquery.session import Outcome, Session
from llm_convert.testing.emulators.bigquery.statements import preview
from llm_convert.testing.emulators.bigquery.tables import Tables, Writing
from llm_convert.testing.emulators.bigquery.translate import Scope, parse

_BILLED_UNIT = 10 * 1024 * 1024


class Queries:
    """Runs query jobs."""

    def __init__(self, tables: Tables, missing_permissions: Container[str]) -> None:
        self._tables = tables
        self._missing = missing_permissions

    def run(self, job: Job, jobs: Jobs) -> None:
        """Carry it out. Raises ApiError with what is wrong with it."""
        config = job.configuration["query"]
        if config.get("useLegacySql", True):
            raise invalid_query("This emulator knows GoogleSQL only: set useLegacySql to false")
        nodes = parse_script(str(config.get("query", "")))
        done: list[tuple[str, Outcome]] = []
        with self._tables.engine.session() as connection:
            job.interrupt = connection.interrupt
            scope = self._scope(job, connection)
            session = Session(tables=self._tables, connection=connection, scope=scope, prefix=job.id)
            run = Run(session=session, finished=lambda text, outcome: done.append((text, outcome)), check=job.check)
            try:
                run.script(nodes)
            finally:
                job.interrupt = None
            self._count_bytes(job, scope)
        single = len(nodes) == 1 and isinstance(nodes[0], Sql)
        if single and done:
            self._finish(job, done[0][1])
        else:
            self._finish_script(job, done, jobs)

    def dry_run(self, job: Job) -> None:
        """Check it, and say what it would read."""
        config = job.configuration["query"]
        nodes = parse_script(str(config.get("query", "")))
        job.statistics["query"] = {"statementType": "SCRIPT"}
        with self._tables.engine.session() as connection:
            scope = self._scope(job, connection)
            if len(nodes) == 1 and isinstance(nodes[0], Sql):
                session = Session(tables=self._tables, connection=connection, scope=scope)
                outcome = preview(parse(nodes[0].text), session)
                job.statistics["query"] = {"statementType": outcome.kind}
                if outcome.fields is not None:
                    job.statistics["query"]["schema"] = {"fields": outcome.fields}
            self._count_bytes(job, scope)

    def _scope(self, job: Job, connection: Any) -> Scope:
        config = job.configuration["query"]
        default = config.get("defaultDataset")
        return Scope(
            catalog=self._tables.catalog,
            project=job.project,
            dataset=(default.get("projectId") or job.project, default["datasetId"]) if default else None,
            parameters=Parameters(config.get("queryParameters") or []),
            information=Information(self._tables, connection),
            missing_permissions=self._missing,
            location=job.location,
        )

    def _count_bytes(self, job: Job, scope: Scope) -> None:
        referenced = list(scope.referenced.values())
        total = sum(self._tables.size(table) for table in referenced if self._tables.catalog.find(table.ref) is table)
        limit = job.configuration["query"].get("maximumBytesBilled")
        billed = -(-total // _BILLED_UNIT) * _BILLED_UNIT
        if limit is not None and billed > int(limit):
            said = f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required."
            raise ApiError(400, said, reason="bytesBilledLimitExceeded")
        job.statistics["totalBytesProcessed"] = str(total)
        about = job.statistics.setdefault("query", {})
        about |= {"totalBytesProcessed": str(total), "totalBytesBilled": str(billed), "cacheHit": False}
        about["referencedTables"] = [table.ref.resource() for table in referenced if table.ref.dataset != HIDDEN]

    def _finish(self, job: Job, outcome: Outcome) -> None:
        config = job.configuration["query"]
        about = job.statistics.setdefault("query", {})
        about["statementType"] = outcome.kind
        if outcome.changed is not None:
            job.changed = sum(outcome.changed.values())
            about["numDmlAffectedRows"] = str(job.changed)
            about["dmlStats"] = {f"{verb}RowCount": str(count) for verb, count in outcome.changed.items()}
        if outcome.operation:
            about["ddlOperationPerformed"] = outcome.operation
        if outcome.target is not None:
            if outcome.operation:
                about["ddlTargetTable"] = outcome.target.resource()
            config.setdefault("destinationTable", outcome.target.resource())
        if outcome.rows is not None:
            job.result = self._stored(job, outcome)

    def _stored(self, job: Job, outcome: Outcome) -> Result:
        config, fields = job.configuration["query"], outcome.fields or []
        given = config.get("destinationTable")
        if given is None or TableRef.of(given).dataset == HIDDEN:
            self._tables.catalog.hidden(job.project)
            ref, how = TableRef(project=job.project, dataset=HIDDEN, table=f"anon_{job.id}"), Writing()
            config["destinationTable"] = ref.resource()
        else:
            ref, how = TableRef.of(given, job.project), writing_of(config, "WRITE_EMPTY")
            if "bigquery.tables.updateData" in self._missing:
                raise access_denied(f"Table {ref}", "bigquery.tables.updateData")
        total = self._tables.write(ref, outcome.rows, fields, how)
        return Result(ref=ref, fields=fields, total=total)

    def _finish_script(self, job: Job, done: list[tuple[str, Outcome]], jobs: Jobs) -> None:
        about = job.statistics.setdefault("query", {})
        about["statementType"] = "SCRIPT"
        job.statistics["numChildJobs"] = str(len(done))
        for number, (text, outcome) in enumerate(done):
            child = Job(
                project=job.project,
                location=job.location,
                id=f"{new_id('script_job')}_{number}",
                configuration={"query": {"query": text, "useLegacySql": False}},
                parent=job.id,
            )
            child.statistics["scriptStatistics"] = {"evaluationKind": "STATEMENT", "stackFrames": [{"text": text}]}
            child.started_ms = child.ended_ms = child.created_ms
            self._finish(child, outcome)
            jobs.add(child)
            job.result = child.result or job.result
            if child.result is not None:
                job.configuration["query"]["destinationTable"] = child.result.ref.resource()


def writing_of(config: dict[str, Any], default: str) -> Writing:
    """How a job's configuration says that its rows be written."""
    names = ("timePartitioning", "rangePartitioning", "clustering")
    properties = {name: config[name] for name in names if config.get(name)}
    described = config.get("destinationTableProperties") or {}
    return Writing(
        disposition=config.get("writeDisposition") or default,
        create=(config.get("createDisposition") or "CREATE_IF_NEEDED") == "CREATE_IF_NEEDED",
        updates=frozenset(config.get("schemaUpdateOptions") or ()),
        properties=properties
        | {name: described[name] for name in ("description", "labels", "friendlyName") if name in described},
    )
