"""Load, copy and extract jobs, states, races and faults, by Google's own client."""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bigquery_kit import client_of
from google.api_core import exceptions
from google.cloud import bigquery

from llm_convert.testing.emulators.bigquery import BigQueryEmulator

FIELD = bigquery.SchemaField
ROWS = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "name": pa.array(["가", None]),
        "amount": pa.array([Decimal("1.5"), Decimal("-2.25")], pa.decimal128(20, 4)),
        "day": pa.array([dt.date(2024, 1, 1), None]),
        "at": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("us", tz="UTC")),
        "local": pa.array([dt.datetime(2024, 1, 1), None], pa.timestamp("us")),
        "tags": pa.array([["a", "b"], []], pa.list_(pa.string())),
    }
)


def parquet(table):
    out = io.BytesIO()
    pq.write_table(table, out)
    out.seek(0)
    return out


def load(client, data, table, **config):
    config.setdefault("source_format", "PARQUET")
    if config["source_format"] == "PARQUET":
        options = bigquery.format_options.ParquetOptions()
        options.enable_list_inference = True
        config["parquet_options"] = options
    job = client.load_table_from_file(data, table, rewind=True, job_config=bigquery.LoadJobConfig(**config))
    return job.result()


def test_parquet_gives_a_table_its_schema_and_rows(client, dataset):
    job = load(client, parquet(ROWS), f"{dataset}.t")
    assert (job.output_rows, job.state, job.errors) == (2, "DONE", None)
    table = client.get_table(f"{dataset}.t")
    kinds = ["INTEGER", "STRING", "NUMERIC", "DATE", "TIMESTAMP", "DATETIME", "STRING"]
    assert [one.field_type for one in table.schema] == kinds and table.schema[-1].mode == "REPEATED"
    assert [tuple(row) for row in client.list_rows(table)] == [tuple(row.values()) for row in ROWS.to_pylist()]


def test_a_list_of_parquet_is_a_record_unless_it_is_inferred(client, dataset):
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    client.load_table_from_file(parquet(ROWS.select(["tags"])), f"{dataset}.t", job_config=config).result()
    (tags,) = client.get_table(f"{dataset}.t").schema
    assert (tags.field_type, tags.fields[0].name, tags.fields[0].mode) == ("RECORD", "list", "REPEATED")


@pytest.mark.parametrize("size", [None, "known"])
def test_csv_and_json_by_one_request_and_piece_by_piece(client, dataset, size):
    schema = [FIELD("id", "INT64"), FIELD("n", "NUMERIC"), FIELD("s", "STRING")]
    text = 'id,n,s\n1,1.10,"쉼표, ""따옴표"""\n2,,\n'.encode()
    config = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, schema=schema)
    sized = len(text) if size else None
    client.load_table_from_file(io.BytesIO(text), f"{dataset}.c", size=sized, job_config=config).result()
    assert [tuple(row) for row in client.list_rows(f"{dataset}.c", selected_fields=schema)] == [
        (1, Decimal("1.1"), '쉼표, "따옴표"'),
        (2, None, ""),
    ]
    rows = [{"id": 1, "r": {"x": [1.5]}, "t": "2024-01-01 00:00:00 UTC"}, {"id": "2"}]
    nested = [FIELD("id", "INT64"), FIELD("t", "TIMESTAMP")]
    nested.append(FIELD("r", "RECORD", fields=[FIELD("x", "FLOAT64", mode="REPEATED")]))
    client.load_table_from_json(rows, f"{dataset}.j", job_config=bigquery.LoadJobConfig(schema=nested)).result()
    assert [row["r"] for row in client.list_rows(f"{dataset}.j", selected_fields=nested)] == [{"x": [1.5]}, None]


def test_a_large_upload_in_many_pieces(client, dataset):
    rows = pa.table(
        {"n": pa.array(range(300_000), pa.int64()), "s": pa.array([f"{n * 7919:032}" for n in range(300_000)])}
    )
    data = parquet(rows)
    assert data.getbuffer().nbytes > 2 * 1024 * 1024
    job = client.load_table_from_file(
        data, f"{dataset}.big", job_config=bigquery.LoadJobConfig(source_format="PARQUET")
    )
    assert job.result().output_rows == 300_000
    (row,) = client.query_and_wait(f"SELECT COUNT(DISTINCT n), SUM(n) FROM {dataset}.big")
    assert tuple(row) == (300_000, 299_999 * 150_000)


def test_autodetect_finds_types(client, dataset):
    text = b"id,rate,day,ok,word\n1,1.5,2024-01-01,true,x\n2,2,2024-01-02,false,y\n"
    load(client, io.BytesIO(text), f"{dataset}.t", source_format="CSV", autodetect=True)
    table = client.get_table(f"{dataset}.t")
    assert [one.field_type for one in table.schema] == ["INTEGER", "FLOAT", "DATE", "BOOLEAN", "STRING"]
    assert (table.num_rows, table.schema[0].name) == (2, "id")


def test_dispositions_of_a_load(client, dataset):
    table, two = f"{dataset}.t", ROWS.select(["id", "name"])
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        load(client, parquet(two), table, create_disposition="CREATE_NEVER")
    load(client, parquet(two), table, write_disposition="WRITE_EMPTY")
    load(client, parquet(two), table, write_disposition="WRITE_APPEND")
    assert client.get_table(table).num_rows == 4
    with pytest.raises(exceptions.Conflict, match="Already Exists"):
        load(client, parquet(two), table, write_disposition="WRITE_EMPTY")
    load(client, parquet(ROWS.select(["amount"])), table, write_disposition="WRITE_TRUNCATE")
    assert [one.name for one in client.get_table(table).schema] == ["amount"]


@pytest.mark.parametrize("disposition", ["WRITE_EMPTY", "WRITE_APPEND", "WRITE_TRUNCATE"])
def test_a_table_without_a_schema_takes_it_from_its_first_load(client, dataset, disposition):
    client.create_table(bigquery.Table(f"p-1.{dataset}.t"))
    job = load(client, parquet(ROWS.select(["id"])), f"{dataset}.t", write_disposition=disposition)
    assert job.output_rows == 2
    assert [one.name for one in client.get_table(f"{dataset}.t").schema] == ["id"]


def test_a_load_fits_the_table_or_adds_columns_when_allowed(client, dataset):
    table = f"{dataset}.t"
    load(client, parquet(ROWS.select(["id"])), table)
    with pytest.raises(exceptions.BadRequest, match=r"Cannot add fields \(field: name\)"):
        load(client, parquet(ROWS.select(["id", "name"])), table)
    with pytest.raises(exceptions.BadRequest, match="Field id has changed type from INTEGER to STRING"):
        load(client, parquet(pa.table({"id": ["x"]})), table)
    load(client, parquet(ROWS.select(["id", "name"])), table, schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert [tuple(row) for row in client.list_rows(table)][:3] == [(1, None), (2, None), (1, "가")]


def test_a_load_keeps_partitions_and_replaces_one(client, dataset):
    table, layout = f"{dataset}.t", bigquery.TimePartitioning(field="day")
    days = pa.table({"day": pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2)]), "n": [1, 2]})
    load(client, parquet(days), table, time_partitioning=layout, clustering_fields=["n"])
    load(client, parquet(days.slice(0, 1)), f"{table}$20240101", write_disposition="WRITE_TRUNCATE")
    assert client.get_table(table).num_rows == 2
    load(
        client,
        parquet(pa.table({"day": [dt.date(2024, 1, 1)], "n": [9]})),
        f"{table}$20240101",
        write_disposition="WRITE_TRUNCATE",
    )
    assert sorted(row["n"] for row in client.list_rows(table)) == [2, 9]
    with pytest.raises(exceptions.BadRequest, match="Incompatible table partitioning specification"):
        load(client, parquet(days), table, time_partitioning=bigquery.TimePartitioning(type_="MONTH", field="day"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"1\nx\n", "Could not parse 'x' as INT64"),
        (b"1,2\n", "Too many values"),
        (b"99999999999999999999\n", "as INT64"),
    ],
)
def test_bad_records_fail_the_load_and_leave_nothing(client, dataset, text, words):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    with pytest.raises(exceptions.BadRequest, match=words):
        load(client, io.BytesIO(text), table, source_format="CSV")
    assert client.get_table(table).num_rows == 0
    job = load(client, io.BytesIO(b"5\n" + text), table, source_format="CSV", max_bad_records=1)
    assert job.output_rows >= 1


def test_what_is_no_parquet_is_told(client, dataset):
    with pytest.raises(exceptions.BadRequest, match="not in Parquet format"):
        load(client, io.BytesIO(b"hello"), f"{dataset}.t")


class Bucket(BaseHTTPRequestHandler):
    """A few objects of one bucket, as Cloud Storage serves them."""

    objects: dict[str, bytes] = {}  # noqa: RUF012

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        name = unquote(url.path.rpartition("/o/")[2])
        if url.path.endswith("/o"):
            prefix = parse_qs(url.query)["prefix"][0]
            names = [{"name": one} for one in sorted(self.objects) if one.startswith(prefix)]
            self.answer(200, json.dumps({"items": names}).encode())
        elif name in self.objects:
            self.answer(200, self.objects[name])
        else:
            self.answer(404, b"{}")

    def do_POST(self):
        name = parse_qs(urlsplit(self.path).query)["name"][0]
        self.objects[name] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"{}")

    def answer(self, status, data):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def bucket():
    Bucket.objects = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_loads_from_and_extracts_to_cloud_storage(bucket):
    Bucket.objects |= {f"한글/part {n}.parquet": parquet(ROWS.select(["id"])).getvalue() for n in (1, 2)}
    Bucket.objects["한글/other.csv"] = b"x"
    with BigQueryEmulator(storage_url=bucket) as emulator:
        client = client_of(emulator)
        client.create_dataset("d")
        config = bigquery.LoadJobConfig(source_format="PARQUET")
        job = client.load_table_from_uri("gs://b/한글/part *.parquet", "d.t", job_config=config).result()
        assert (job.output_rows, job.input_files) == (4, 2)
        client.load_table_from_uri(["gs://b/한글/part 1.parquet"], "d.t", job_config=config).result()
        assert client.get_table("d.t").num_rows == 6
        with pytest.raises(exceptions.NotFound, match="Not found: URI gs://b/nope"):
            client.load_table_from_uri("gs://b/nope.parquet", "d.t", job_config=config).result()
        client.extract_table("d.t", "gs://b/out-*.csv").result()
        assert Bucket.objects["out-000000000000.csv"].decode().split() == ["id", "1", "2", "1", "2", "1", "2"]
        client.close()


def test_a_copy_has_rows_and_layout(client, dataset):
    source = f"p-1.{dataset}.t"
    days = pa.table({"day": pa.array([dt.date(2024, 1, 1)]), "n": [1]})
    load(client, parquet(days), source, time_partitioning=bigquery.TimePartitioning(field="day"))
    client.copy_table(source, f"p-1.{dataset}.copy").result()
    copied = client.get_table(f"{dataset}.copy")
    assert (copied.num_rows, copied.time_partitioning.field) == (1, "day")
    with pytest.raises(exceptions.Conflict):
        client.copy_table(source, f"p-1.{dataset}.copy").result()


def test_a_job_id_is_taken_once_and_the_job_is_found_by_it(client, dataset):
    name = f"load-{dataset}"
    config = bigquery.LoadJobConfig(source_format="PARQUET", labels={"run": "r1"})
    data = parquet(ROWS.select(["id"]))
    client.load_table_from_file(data, f"{dataset}.t", job_id=name, job_config=config).result()
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Job p-1:US.{name}") as caught:
        client.load_table_from_file(data, f"{dataset}.t", job_id=name, job_config=config, rewind=True)
    assert caught.value.errors[0]["reason"] == "duplicate"
    found = client.get_job(name, location="US")
    assert (found.output_rows, found.labels, found.state) == (2, {"run": "r1"}, "DONE")
    assert client.get_table(f"{dataset}.t").num_rows == 2
    assert name in {job.job_id for job in client.list_jobs(state_filter="done")}


def test_a_job_runs_where_its_data_is(client):
    place = bigquery.Dataset("p-1.seoul")
    place.location = "asia-northeast3"
    client.create_dataset(place)
    job = client.query("CREATE TABLE seoul.t AS SELECT 1 AS a")
    job.result()
    assert job.location == "asia-northeast3"
    assert client.get_job(job.job_id, location="asia-northeast3").state == "DONE"
    with pytest.raises(exceptions.NotFound):
        client.get_job(job.job_id, location="US")
    with pytest.raises(exceptions.NotFound, match="not found in location US"):
        client.query("SELECT * FROM seoul.t", location="US").result()


def test_a_slow_job_passes_its_states_beside_others_and_can_be_cancelled(own_emulator, own_client):
    own_client.create_dataset("d")
    own_emulator.dials.pending_seconds, own_emulator.dials.job_seconds = 0.3, 20
    slow = own_client.query("CREATE TABLE d.slow AS SELECT 1 AS a")
    assert slow.state == "PENDING"
    time.sleep(0.5)
    own_emulator.dials.pending_seconds = own_emulator.dials.job_seconds = 0
    assert next(iter(own_client.query_and_wait("SELECT 1")))[0] == 1
    slow.reload()
    assert slow.state == "RUNNING"
    assert slow.cancel()
    with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
        slow.result(timeout=10)
    slow.reload()
    assert slow.error_result["reason"] == "stopped"
    assert list(own_client.list_tables("d")) == []


def test_racing_merges_insert_once(client, dataset):
    client.query(f"CREATE TABLE {dataset}.t (id INT64, n INT64)").result()
    sql = f"MERGE {dataset}.t T USING (SELECT id FROM UNNEST(GENERATE_ARRAY(1, 50)) AS id) S ON T.id = S.id"
    sql += " WHEN MATCHED THEN UPDATE SET n = n + 1 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (S.id, 1)"
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: client.query(sql).result(), range(6)))
    (row,) = client.query_and_wait(f"SELECT COUNT(*), COUNT(DISTINCT id), MIN(n), MAX(n) FROM {dataset}.t")
    assert tuple(row) == (50, 50, 6, 6)


def test_racing_transactions_abort_or_follow_each_other_but_never_mix(client, dataset):
    client.query(f"CREATE TABLE {dataset}.t AS SELECT 0 AS n").result()
    sql = f"BEGIN TRANSACTION; UPDATE {dataset}.t SET n = n + 1 WHERE TRUE;"
    sql += f" INSERT {dataset}.t (n) SELECT MAX(n) * 100 FROM {dataset}.t HAVING MAX(n) > 100000; COMMIT TRANSACTION;"

    refusals = []

    def attempt(_):
        try:
            client.query(sql).result()
        except exceptions.BadRequest as error:
            refusals.append(str(error))
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(attempt, range(12)))
    assert done >= 1
    assert all("aborted due to concurrent update" in said for said in refusals)
    assert [tuple(row) for row in client.list_rows(f"{dataset}.t")] == [(done,)]


def test_racing_appends_all_land(client, dataset):
    data = [parquet(pa.table({"n": [number]})) for number in range(8)]
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: client.load_table_from_file(one, f"{dataset}.t", job_config=config).result(), data))
    assert sorted(row["n"] for row in client.list_rows(f"{dataset}.t")) == list(range(8))


def test_failures_by_the_dials_are_met_by_the_clients_own_retries(own_emulator, own_client):
    own_emulator.dials.fail_next = [503, 429, 0]
    own_client.create_dataset("d")
    own_emulator.dials.fail_next = [403]
    with pytest.raises(exceptions.Forbidden):
        own_client.get_dataset("d")
    own_emulator.dials.latency_seconds = 0.2
    began = time.monotonic()
    own_client.get_dataset("d")
    assert time.monotonic() - began >= 0.2


def test_a_lost_response_was_an_effect_and_the_job_is_found_by_its_id(own_emulator, own_client):
    own_client.create_dataset("d")
    own_emulator.dials.lose_every_nth_response = own_emulator.received + 1
    with pytest.raises(exceptions.Conflict, match="Already Exists: Job"):
        own_client.query("CREATE TABLE d.once AS SELECT 1 AS a", job_id="the-job", job_retry=None)
    own_emulator.dials.lose_every_nth_response = 0
    job = own_client.get_job("the-job")
    job.result()
    assert (job.job_id, own_client.get_table("d.once").num_rows) == ("the-job", 1)


def test_the_environment_points_clients_here(own_emulator, monkeypatch):
    from google.auth.credentials import AnonymousCredentials

    for name, value in own_emulator.environment().items():
        monkeypatch.setenv(name, value)
    client = bigquery.Client(credentials=AnonymousCredentials())
    assert client.project == "local-project"
    assert client.create_dataset("d").dataset_id == "d"
    client.close()
