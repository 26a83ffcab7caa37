"""Rows landed by one load job: BigQuery over its protocol, from Cloud Storage, both as emulators of this library.

    python benchmarks/land_rows.py [rows]

Prints the seconds of the landing, of the same landing again, and the jobs that were started. The emulators share this
machine's processors: the seconds are no measure of BigQuery itself, the number of jobs and calls is.
"""

import io
import os
import sys
import time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from llm_convert.ports import Load
from llm_convert.testing.emulators.bigquery import BigQueryEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.warehouses.bigquery import BigQueryWarehouse

PROJECT, DATASET, BUCKET, NAME = "p-1", "bench", "bench", "tables/weekly_profit.parquet"
SCOPE = {"_tenant": "c8cd3500", "_bsda": "20251107230000", "_branch": "shared_drive"}


def parquet_of(rows):
    columns = {
        "store": pa.array([f"{n % 400}호점" for n in range(rows)]),
        "amount": pa.array([Decimal(n) / 100 for n in range(rows)], pa.decimal128(38, 9)),
        "visitors": pa.array(range(rows)),
        "_row": pa.array(range(1, rows + 1)),
    }
    scope = {name: pa.array([value] * rows) for name, value in SCOPE.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table({**columns, **scope}), buffer, compression="zstd")
    return buffer.getvalue()


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    data = parquet_of(rows)
    with GcsEmulator() as gcs, BigQueryEmulator(storage_url=gcs.url) as bq:
        os.environ.update({**gcs.environment(), **bq.environment()})
        client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
        client.create_dataset(DATASET)
        store = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
        store.create_bucket(BUCKET).blob(NAME).upload_from_string(data)
        load = Load(
            table="weekly_profit",
            tenant=SCOPE["_tenant"],
            bsda=SCOPE["_bsda"],
            branch=SCOPE["_branch"],
            digest="1",
            parquet=data,
            uri=f"gs://{BUCKET}/{NAME}",
        )
        for title in ("first landing", "the same again"):
            started = time.perf_counter()
            landed = BigQueryWarehouse(PROJECT, DATASET).land(load)
            print(f"{title}: {landed.rows:,} rows, changed {landed.changed}, {time.perf_counter() - started:.1f} s")
        jobs = [job.job_type for job in client.list_jobs() if job.job_id.startswith("llm_convert-")]
        total = next(iter(client.query(f"SELECT COUNT(*) FROM {DATASET}.weekly_profit").result()))[0]
        loads, scripts = jobs.count("load"), jobs.count("query")
        print(f"{len(data) / 1e6:.1f} MB of Parquet; load jobs: {loads}; landing scripts: {scripts}")
        print(f"rows in the table: {total:,}")


if __name__ == "__main__":
    main()
