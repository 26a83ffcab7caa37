"""Queries, DML, DDL and scripts, by Google's own client."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FIELD = bigquery.SchemaField
KST = dt.timezone(dt.timedelta(hours=9))


def rows_of(client, sql, **config):
    return [tuple(row) for row in client.query(sql, job_config=bigquery.QueryJobConfig(**config)).result()]


def run(client, sql, dataset):
    job = client.query(sql, job_config=bigquery.QueryJobConfig(default_dataset=f"p-1.{dataset}"))
    job.result()
    return job


@pytest.mark.parametrize(
    ("sql", "value", "kind"),
    [
        ("1", 1, "INTEGER"),
        ("9223372036854775807", 2**63 - 1, "INTEGER"),
        ("100000 * 100000", 10**10, "INTEGER"),
        ("7 / 2", 3.5, "FLOAT"),
        ("1.5", 1.5, "FLOAT"),
        ("NUMERIC '0.1'", Decimal("0.1"), "NUMERIC"),
        ("NUMERIC '12345678901234567890.123456789'", Decimal("12345678901234567890.123456789"), "NUMERIC"),
        ("BIGNUMERIC '0.000000000000000001'", Decimal("0.000000000000000001"), "BIGNUMERIC"),
        ("NUMERIC '1.1' * 3", Decimal("3.3"), "NUMERIC"),
        ("CAST(NUMERIC '5.50' AS STRING)", "5.5", "STRING"),
        ("TRUE", True, "BOOLEAN"),
        ("'가나''다'", "가나'다", None),
        ('"큰 \\"따옴표\\""', '큰 "따옴표"', "STRING"),
        ("b'abc'", b"abc", "BYTES"),
        ("DATE '2024-02-29'", dt.date(2024, 2, 29), "DATE"),
        ("TIME '10:20:30.5'", dt.time(10, 20, 30, 500000), "TIME"),
        ("DATETIME '2024-01-01 00:00:00.000001'", dt.datetime(2024, 1, 1, 0, 0, 0, 1), "DATETIME"),
        ("TIMESTAMP '2024-01-01 09:00:00+09:00'", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "TIMESTAMP"),
        (
            "TIMESTAMP '1969-12-31 23:59:59.999999+00'",
            dt.datetime(1969, 12, 31, 23, 59, 59, 999999, dt.UTC),
            "TIMESTAMP",
        ),
        ("[1, 2, 3]", [1, 2, 3], "INTEGER"),
        ("STRUCT(1 AS a, [STRUCT('x' AS b)] AS l)", {"a": 1, "l": [{"b": "x"}]}, "RECORD"),
        ("CAST(NULL AS DATE)", None, "DATE"),
        ("JSON '{\"a\": [1]}'", {"a": [1]}, "JSON"),
        ("SAFE_CAST('x' AS INT64)", None, "INTEGER"),
        ("DATE_ADD(DATE '2024-01-31', INTERVAL 1 DAY)", dt.date(2024, 2, 1), "DATE"),
        ("DATE_TRUNC(DATE '2024-01-31', MONTH)", dt.date(2024, 1, 1), "DATE"),
        ("DATE(TIMESTAMP '2024-01-01 20:00:00+00', 'Asia/Seoul')", dt.date(2024, 1, 2), "DATE"),
        ("PARSE_DATE('%Y%m%d', '20240131')", dt.date(2024, 1, 31), "DATE"),
        ("FORMAT_DATE('%Y%m%d', DATE_SUB(DATE '2024-03-01', INTERVAL 1 DAY))", "20240229", "STRING"),
        ("TIMESTAMP_MILLIS(1500)", dt.datetime(1970, 1, 1, 0, 0, 1, 500000, dt.UTC), "TIMESTAMP"),
        ("TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 02:59:00', TIMESTAMP '2024-01-01 01:00:00', HOUR)", 1, "INTEGER"),
        ("EXTRACT(DAYOFWEEK FROM DATE '2024-01-07')", 1, "INTEGER"),
        ("FORMAT('%05d-%s', 42, 'x')", "00042-x", "STRING"),
        ("IF(1 > 2, 'a', 'b')", "b", "STRING"),
        ("ARRAY_LENGTH(SPLIT('a,b,c', ','))", 3, "INTEGER"),
        ("REGEXP_CONTAINS('abc', r'^a\\w')", True, "BOOLEAN"),
        ("SAFE_DIVIDE(1, 0)", None, "FLOAT"),
        ("TO_JSON_STRING(STRUCT(1 AS a))", '{"a":1}', "STRING"),
    ],
)
def test_values_keep_their_type_and_every_digit(client, sql, value, kind):
    if sql == "'가나''다'":
        sql = "'가나\\'다'"
    result = client.query(f"SELECT {sql} AS v").result()
    assert [tuple(row) for row in result] == [(value,)]
    assert result.schema[0].field_type == (kind or "STRING")


def test_floats_that_are_no_numbers(client):
    (row,) = client.query_and_wait("SELECT CAST('nan' AS FLOAT64), CAST('inf' AS FLOAT64), CAST('-inf' AS FLOAT64)")
    assert math.isnan(row[0]) and row[1:] == (math.inf, -math.inf)


def test_columns_without_a_name_get_googles(client):
    result = client.query("SELECT 1, 2 AS b, 3").result()
    assert [one.name for one in result.schema] == ["f0_", "b", "f1_"]


def test_parameters_by_name_and_by_position(client):
    Scalar, Array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter  # noqa: N806
    moment = dt.datetime(2024, 1, 1, 9, tzinfo=KST)
    named = [
        Scalar("s", "STRING", "그'럼"),
        Scalar("n", "NUMERIC", Decimal("1.10")),
        Scalar("t", "TIMESTAMP", moment),
        Scalar("d", "DATE", dt.date(2024, 1, 2)),
        Scalar("b", "BYTES", b"\x00\xff"),
        Scalar("none", "INT64", None),
        Array("ids", "INT64", [1, 2]),
        bigquery.StructQueryParameter("st", Scalar("a", "INT64", 5), Array("l", "STRING", ["x"])),
    ]
    sql = "SELECT @s, @n, @t, @d, @b, @none, 2 IN UNNEST(@ids), @st, @st.a"
    assert rows_of(client, sql, query_parameters=named) == [
        ("그'럼", Decimal("1.1"), moment, dt.date(2024, 1, 2), b"\x00\xff", None, True, {"a": 5, "l": ["x"]}, 5)
    ]
    positional = [Scalar(None, "INT64", 3), Scalar(None, "STRING", "z")]
    assert rows_of(client, "SELECT ? + 1, ?", query_parameters=positional) == [(4, "z")]
    with pytest.raises(exceptions.BadRequest, match="Query parameter 'nope' not found"):
        rows_of(client, "SELECT @nope")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    number=st.integers(-(2**63), 2**63 - 1),
    amount=st.decimals(-(10**20), 10**20, places=9),
    moment=st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)),
    data=st.binary(max_size=20),
    items=st.lists(st.floats(allow_nan=False), max_size=4),
)
def test_any_value_comes_back_as_it_went(client, text, number, amount, moment, data, items):
    Scalar = bigquery.ScalarQueryParameter  # noqa: N806
    aware = moment.replace(tzinfo=dt.UTC)
    given_ = [Scalar("a", "STRING", text), Scalar("b", "INT64", number), Scalar("c", "NUMERIC", amount)]
    given_ += [Scalar("d", "DATETIME", moment), Scalar("e", "TIMESTAMP", aware), Scalar("f", "BYTES", data)]
    given_ += [bigquery.ArrayQueryParameter("g", "FLOAT64", items)]
    config = bigquery.QueryJobConfig(query_parameters=given_)
    (row,) = client.query_and_wait("SELECT @a, @b, @c, @d, @e, @f, @g", job_config=config)
    assert tuple(row) == (text, number, amount, moment, aware, data, items)


def test_results_come_in_pages_and_stay_in_order(client):
    job = client.query("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 2500)) AS n ORDER BY n DESC")
    pages = list(job.result(page_size=1000).pages)
    assert [page.num_items for page in pages] == [1000, 1000, 500]
    assert job.result().total_rows == 2500
    assert [row.n for row in client.list_rows(job.destination, max_results=2)] == [2500, 2499]
    assert [row.n for row in client.query_and_wait("SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n", page_size=1)] == [
        1,
        2,
    ]


def test_dml_tells_what_it_changed(client, dataset):
    run(client, "CREATE TABLE t (id INT64 NOT NULL, v STRING)", dataset)
    inserted = run(client, "INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')", dataset)
    assert (inserted.num_dml_affected_rows, inserted.dml_stats.inserted_row_count) == (3, 3)
    updated = run(client, "UPDATE t SET v = 'z' WHERE id > 1", dataset)
    assert (updated.statement_type, updated.dml_stats.updated_row_count) == ("UPDATE", 2)
    deleted = run(client, "DELETE t WHERE id = 3", dataset)
    assert (deleted.num_dml_affected_rows, deleted.dml_stats.deleted_row_count) == (1, 1)
    assert rows_of(client, f"SELECT * FROM {dataset}.t ORDER BY id") == [(1, "a"), (2, "z")]
    assert run(client, "TRUNCATE TABLE t", dataset).dml_stats.deleted_row_count == 2


def test_merge_inserts_updates_and_deletes(client, dataset):
    run(client, "CREATE TABLE t (id INT64, v NUMERIC, day DATE)", dataset)
    run(
        client,
        "INSERT t (id, v, day) VALUES (1, 1.5, '2024-01-01'), (2, 2, '2024-01-01'), (3, 3, '2024-01-02')",
        dataset,
    )
    run(
        client,
        "CREATE TABLE s AS SELECT 2 AS id, NUMERIC '22.2' AS v, DATE '2024-01-01' AS day UNION ALL SELECT 9, 9, NULL",
        dataset,
    )
    job = run(
        client,
        f"""
        MERGE INTO `p-1.{dataset}.t` AS T USING `p-1`.{dataset}.s AS S ON T.id = S.id
        WHEN MATCHED AND S.v <> T.v THEN UPDATE SET T.v = S.v
        WHEN NOT MATCHED BY TARGET THEN INSERT ROW
        WHEN NOT MATCHED BY SOURCE AND T.day = '2024-01-01' THEN DELETE
        """,
        dataset,
    )
    stats = job.dml_stats
    assert (stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count) == (1, 1, 1)
    assert job.num_dml_affected_rows == 3
    assert rows_of(client, f"SELECT id, v FROM {dataset}.t ORDER BY id") == [
        (2, Decimal("22.2")),
        (3, Decimal(3)),
        (9, Decimal(9)),
    ]


def test_replacing_a_part_by_a_merge_on_false(client, dataset):
    run(client, "CREATE TABLE t (k STRING, n INT64); INSERT t (k, n) VALUES ('a', 1), ('b', 2)", dataset)
    run(client, "CREATE TABLE s AS SELECT 'a' AS k, 5 AS n", dataset)
    sql = "MERGE t USING s ON FALSE WHEN NOT MATCHED BY SOURCE AND k = 'a' THEN DELETE"
    sql += " WHEN NOT MATCHED THEN INSERT (k, n) VALUES (k, n)"
    run(client, sql, dataset)
    run(client, sql, dataset)
    assert rows_of(client, f"SELECT * FROM {dataset}.t ORDER BY k") == [("a", 5), ("b", 2)]


def test_a_row_that_matches_twice_is_refused(client, dataset):
    run(
        client,
        "CREATE TABLE t AS SELECT 1 AS id, 'a' AS v;"
        " CREATE TABLE s AS SELECT 1 AS id, 'b' AS v UNION ALL SELECT 1, 'c'",
        dataset,
    )
    words = "must match at most one source row"
    with pytest.raises(exceptions.BadRequest, match=words):
        run(client, "MERGE t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v", dataset)
    with pytest.raises(exceptions.BadRequest, match=words):
        run(client, "UPDATE t SET v = s.v FROM s WHERE t.id = s.id", dataset)
    assert rows_of(client, f"SELECT v FROM {dataset}.t") == [("a",)]


def test_ddl_makes_alters_and_drops(client, dataset):
    job = run(
        client,
        "CREATE TABLE IF NOT EXISTS t (id INT64 NOT NULL OPTIONS(description='열쇠'), ts TIMESTAMP, tags ARRAY<STRING>,"
        " r STRUCT<a INT64, b NUMERIC(10, 2)>) PARTITION BY DATE(ts) CLUSTER BY id"
        " OPTIONS(description='표', labels=[('a', 'b')])",
        dataset,
    )
    assert (job.statement_type, job.ddl_operation_performed) == ("CREATE_TABLE", "CREATE")
    table = client.get_table(f"{dataset}.t")
    assert (table.time_partitioning.field, table.clustering_fields, table.labels) == ("ts", ["id"], {"a": "b"})
    assert (table.schema[0].mode, table.schema[0].description, table.description) == ("REQUIRED", "열쇠", "표")
    assert table.schema[3].fields[1].precision == 10
    assert run(client, "CREATE TABLE IF NOT EXISTS t (id INT64)", dataset).ddl_operation_performed == "SKIP"
    with pytest.raises(exceptions.Conflict, match="Already Exists: Table"):
        run(client, "CREATE TABLE t (id INT64)", dataset)
    run(client, "ALTER TABLE t ADD COLUMN IF NOT EXISTS z STRING, ADD COLUMN y FLOAT64", dataset)
    run(client, "ALTER TABLE t DROP COLUMN y; ALTER TABLE t SET OPTIONS (description='새 표')", dataset)
    table = client.get_table(f"{dataset}.t")
    assert ([one.name for one in table.schema], table.description) == (["id", "ts", "tags", "r", "z"], "새 표")
    run(client, "CREATE OR REPLACE TABLE t AS SELECT 1 AS only", dataset)
    assert [one.name for one in client.get_table(f"{dataset}.t").schema] == ["only"]
    run(client, "CREATE OR REPLACE VIEW v AS SELECT only + 1 AS more FROM t", dataset)
    assert run(client, "DROP VIEW v; DROP TABLE t; DROP TABLE IF EXISTS t", dataset).statement_type == "SCRIPT"
    with pytest.raises(exceptions.NotFound):
        run(client, "DROP TABLE t", dataset)


def test_a_transaction_is_one_job_and_all_or_nothing(client, dataset):
    run(client, "CREATE TABLE t (id INT64 NOT NULL)", dataset)
    job = run(
        client, "BEGIN TRANSACTION; INSERT t (id) VALUES (1); INSERT t (id) VALUES (2); COMMIT TRANSACTION;", dataset
    )
    assert job.statement_type == "SCRIPT"
    children = list(client.list_jobs(parent_job=job))
    assert [child.num_dml_affected_rows for child in children] == [1, 1] and job.num_child_jobs == 2
    for bad in (
        "BEGIN TRANSACTION; DELETE FROM t WHERE TRUE; INSERT t (id) VALUES (NULL); COMMIT TRANSACTION",
        "BEGIN TRANSACTION; DELETE FROM t WHERE TRUE; SELECT 1 / 0; COMMIT TRANSACTION",
    ):
        with pytest.raises(exceptions.BadRequest):
            run(client, bad, dataset)
    run(client, "BEGIN TRANSACTION; DELETE FROM t WHERE TRUE; ROLLBACK TRANSACTION", dataset)
    assert rows_of(client, f"SELECT id FROM {dataset}.t ORDER BY id") == [(1,), (2,)]
    with pytest.raises(exceptions.BadRequest, match="DDL statements are not supported in a transaction"):
        run(client, "BEGIN TRANSACTION; DROP TABLE t; COMMIT TRANSACTION", dataset)


def test_a_script_has_variables_conditions_loops_and_exceptions(client, dataset):
    run(client, "CREATE TABLE t (id INT64)", dataset)
    sql = """
        -- a script; with a comment
        DECLARE n INT64 DEFAULT 0;
        DECLARE words ARRAY<STRING> DEFAULT ['a;b', "c"];
        WHILE n < 3 DO SET n = n + 1; INSERT t (id) VALUES (n); END WHILE;
        IF n = 3 THEN SET n = (SELECT SUM(id) FROM t); ELSE SET n = -1; END IF;
        BEGIN
          BEGIN TRANSACTION;
          DELETE FROM t WHERE TRUE;
          SELECT ERROR('boom');
          COMMIT TRANSACTION;
        EXCEPTION WHEN ERROR THEN
          ROLLBACK TRANSACTION;
          SELECT @@error.message AS said, n AS total, ARRAY_LENGTH(words) AS many, (SELECT COUNT(*) FROM t) AS kept;
        END;
    """
    job = run(client, sql, dataset)
    assert [tuple(row) for row in job.result()] == [("boom", 6, 2, 3)]
    with pytest.raises(exceptions.BadRequest, match="Assertion failed: no rows"):
        run(client, "ASSERT (SELECT COUNT(*) FROM t) = 0 AS 'no rows'", dataset)
    assert [
        tuple(row) for row in run(client, "CREATE TEMP TABLE q AS SELECT 7 AS a; SELECT a FROM q", dataset).result()
    ] == [(7,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "Syntax error"),
        ("SELECT FROM WHERE", "Syntax error"),
        ("SELECT nope FROM t", "Unrecognized name: nope"),
        ("SELECT CAST('x' AS INT64)", "Bad INT64 value: x"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT nope(1)", "Function not found: nope"),
        ("SELECT 1 AS a, 2 AS a", "Duplicate column names in the result are not supported"),
        ("UPDATE t SET a = 1", "UPDATE must have a WHERE clause"),
        ("DELETE FROM t", "DELETE must have a WHERE clause"),
        ("INSERT t (b) VALUES (1)", "Required field a cannot be null"),
        ("COMMIT TRANSACTION", "no transaction is open"),
        ("IF TRUE THEN SELECT 1;", "Syntax error: Expected keyword END"),
        ("", "Syntax error: Unexpected end of script"),
    ],
)
def test_a_wrong_query_says_so_in_googles_form(client, dataset, sql, words):
    run(client, "CREATE TABLE t (a INT64 NOT NULL, b INT64)", dataset)
    with pytest.raises(exceptions.BadRequest, match=words):
        run(client, sql, dataset)
    with pytest.raises(exceptions.BadRequest) as caught:
        client.query_and_wait(sql, job_config=bigquery.QueryJobConfig(default_dataset=f"p-1.{dataset}"))
    assert caught.value.errors[0]["reason"] == "invalidQuery"


def test_names_that_are_not_there(client, dataset):
    with pytest.raises(exceptions.NotFound, match=rf"Not found: Table p-1:{dataset}\.nope"):
        rows_of(client, f"SELECT * FROM {dataset}.nope")
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset p-1:nope"):
        rows_of(client, "SELECT * FROM nope.nope")
    with pytest.raises(exceptions.BadRequest, match='Table "alone" must be qualified with a dataset'):
        rows_of(client, "SELECT * FROM alone")


def test_a_dry_run_tells_schema_and_bytes_and_changes_nothing(client, dataset):
    run(client, "CREATE TABLE t AS SELECT 1 AS a, 'xyz' AS s", dataset)
    config = bigquery.QueryJobConfig(dry_run=True, default_dataset=f"p-1.{dataset}", use_query_cache=False)
    job = client.query("SELECT * FROM t", job_config=config)
    assert (job.total_bytes_processed, [one.name for one in job.schema], job.dry_run) == (13, ["a", "s"], True)
    client.query("DELETE FROM t WHERE TRUE", job_config=config)
    assert client.get_table(f"{dataset}.t").num_rows == 1
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name"):
        client.query("SELECT nope FROM t", job_config=config)


def test_results_go_to_a_table_by_disposition(client, dataset):
    target = f"p-1.{dataset}.out"
    assert rows_of(client, "SELECT 1 AS a", destination=target) == [(1,)]
    with pytest.raises(exceptions.Conflict, match="Already Exists: Table"):
        rows_of(client, "SELECT 1 AS a", destination=target)
    rows_of(client, "SELECT 2 AS a", destination=target, write_disposition="WRITE_APPEND")
    assert client.get_table(target).num_rows == 2
    rows_of(client, "SELECT 'x' AS b", destination=target, write_disposition="WRITE_TRUNCATE")
    assert [tuple(row) for row in client.list_rows(target)] == [("x",)]


def test_information_schema(client, dataset):
    run(
        client,
        "CREATE TABLE t (id INT64 NOT NULL, day DATE, l ARRAY<STRUCT<a STRING>>) PARTITION BY day CLUSTER BY id",
        dataset,
    )
    run(client, "INSERT t (id, day) VALUES (1, '2024-01-01'), (2, '2024-01-01'), (3, '2024-01-02')", dataset)
    assert rows_of(client, f"SELECT table_name, table_type FROM {dataset}.INFORMATION_SCHEMA.TABLES") == [
        ("t", "BASE TABLE")
    ]
    sql = (
        "SELECT column_name, data_type, is_nullable, is_partitioning_column FROM `p-1.{}.INFORMATION_SCHEMA.COLUMNS` c"
    )
    sql += " WHERE c.table_name = 't' ORDER BY ordinal_position"
    assert rows_of(client, sql.format(dataset)) == [
        ("id", "INT64", "NO", "NO"),
        ("day", "DATE", "YES", "YES"),
        ("l", "ARRAY<STRUCT<a STRING>>", "YES", "NO"),
    ]
    sql = f"SELECT partition_id, total_rows FROM {dataset}.INFORMATION_SCHEMA.PARTITIONS ORDER BY 1"
    assert rows_of(client, sql) == [("20240101", 2), ("20240102", 1)]
    assert rows_of(client, f"SELECT COUNT(*) FROM INFORMATION_SCHEMA.SCHEMATA WHERE schema_name = '{dataset}'") == [
        (1,)
    ]


def test_joins_windows_unnest_and_wildcards(client, dataset):
    run(
        client,
        "CREATE TABLE ev_1 AS SELECT 1 AS id, ['a', 'b'] AS l; CREATE TABLE ev_2 AS SELECT 2 AS id, ['c'] AS l",
        dataset,
    )
    assert rows_of(client, f"SELECT e.id, x FROM {dataset}.ev_1 AS e, UNNEST(e.l) AS x ORDER BY x") == [
        (1, "a"),
        (1, "b"),
    ]
    sql = f"SELECT id, x, o FROM {dataset}.ev_1, UNNEST(l) AS x WITH OFFSET AS o ORDER BY o"
    assert rows_of(client, sql) == [(1, "a", 0), (1, "b", 1)]
    sql = f"SELECT id, _TABLE_SUFFIX AS s FROM `{dataset}.ev_*` WHERE _TABLE_SUFFIX > '0' ORDER BY id"
    assert rows_of(client, sql) == [(1, "1"), (2, "2")]
    sql = f"WITH a AS (SELECT * FROM {dataset}.ev_1 UNION ALL SELECT * FROM {dataset}.ev_2)"
    sql += " SELECT * EXCEPT (l) FROM a QUALIFY ROW_NUMBER() OVER (ORDER BY id DESC) = 1"
    assert rows_of(client, sql) == [(2,)]
    assert rows_of(
        client,
        f"SELECT ev_1.id, `p-1.{dataset}.ev_2`.id AS other"
        f" FROM {dataset}.ev_1 JOIN `p-1.{dataset}.ev_2` ON ev_1.id < ev_2.id",
    ) == [(1, 2)]
