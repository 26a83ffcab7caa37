"""Datasets, tables and rows, asked for by Google's own client."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

FIELD = bigquery.SchemaField


def test_a_dataset_is_made_read_listed_changed_and_deleted(client):
    wanted = bigquery.Dataset("p-1.life")
    wanted.location, wanted.description, wanted.labels = "asia-northeast3", "한글 설명", {"team": "data"}
    made = client.create_dataset(wanted)
    assert (made.full_dataset_id, made.location, made.labels) == ("p-1:life", "asia-northeast3", {"team": "data"})
    assert [one.dataset_id for one in client.list_datasets(filter="labels.team:data")] == ["life"]
    assert [one.dataset_id for one in client.list_datasets(filter="labels.team:other")] == []
    made.labels, made.description = {"team": None, "tier": "gold"}, None
    changed = client.update_dataset(made, ["labels", "description"])
    assert (changed.labels, changed.description) == ({"tier": "gold"}, None)
    client.delete_dataset("life")
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset p-1:life"):
        client.get_dataset("life")


def test_a_dataset_that_is_there_is_a_conflict_and_can_be_taken_as_it_is(client, dataset):
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Dataset p-1:{dataset}"):
        client.create_dataset(dataset)
    assert client.create_dataset(dataset, exists_ok=True).dataset_id == dataset


def test_a_dataset_in_use_goes_with_its_contents_alone(client, dataset):
    client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    with pytest.raises(exceptions.BadRequest, match="is still in use"):
        client.delete_dataset(dataset)
    client.delete_dataset(dataset, delete_contents=True)
    client.delete_dataset(dataset, not_found_ok=True)
    with pytest.raises(exceptions.NotFound):
        client.delete_dataset(dataset)


@pytest.mark.parametrize("name", ["has-dash", "has.dot", "빈 칸", ""])
def test_an_odd_dataset_name_is_refused(client, name):
    with pytest.raises(exceptions.BadRequest, match="Invalid dataset ID"):
        client._connection.api_request(
            method="POST", path="/projects/p-1/datasets", data={"datasetReference": {"datasetId": name}}
        )


def test_projects_do_not_see_each_others_datasets(client, dataset):
    assert dataset in {one.dataset_id for one in client.list_datasets()}
    assert dataset not in {one.dataset_id for one in client.list_datasets(project="p-2")}


def test_a_table_keeps_its_schema_partitions_clusters_and_words(client, dataset):
    table = bigquery.Table(
        f"p-1.{dataset}.t",
        schema=[
            FIELD("id", "INTEGER", mode="REQUIRED", description="열쇠"),
            FIELD("amount", "NUMERIC", precision=10, scale=2),
            FIELD("day", "DATE"),
            FIELD("tags", "STRING", mode="REPEATED"),
            FIELD("who", "RECORD", fields=[FIELD("name", "STRING"), FIELD("ages", "INTEGER", mode="REPEATED")]),
        ],
    )
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY", field="day", expiration_ms=1000 * 86_400_000)
    table.clustering_fields, table.description, table.labels = ["id"], "설명", {"a": "b"}
    client.create_table(table)
    found = client.get_table(table.reference)
    assert found.schema == table.schema
    assert (found.time_partitioning.field, found.clustering_fields) == ("day", ["id"])
    assert (found.description, found.labels, found.num_rows, found.table_type) == ("설명", {"a": "b"}, 0, "TABLE")
    assert found.created is not None and found.etag and found.location == "US"


def test_a_table_that_is_there_is_a_conflict(client, dataset):
    table = bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")])
    client.create_table(table)
    with pytest.raises(exceptions.Conflict, match=rf"Already Exists: Table p-1:{dataset}\.t"):
        client.create_table(table)
    assert client.create_table(table, exists_ok=True).table_id == "t"


def test_table_names_differ_by_case_and_may_be_korean(client, dataset):
    for name in ("Sales", "sales", "매출-2024 요약"):
        client.create_table(bigquery.Table(f"p-1.{dataset}.{name}", schema=[FIELD("a", "INT64")]))
    client.insert_rows_json(f"p-1.{dataset}.Sales", [{"a": 1}])
    counts = {one.table_id: client.get_table(one.reference).num_rows for one in client.list_tables(dataset)}
    assert counts == {"Sales": 1, "sales": 0, "매출-2024 요약": 0}
    assert next(iter(client.query_and_wait(f"SELECT COUNT(*) FROM `{dataset}.매출-2024 요약`")))[0] == 0


def test_missing_things_are_not_found_in_googles_words(client, dataset):
    with pytest.raises(exceptions.NotFound, match=rf"Not found: Table p-1:{dataset}\.nope") as caught:
        client.get_table(f"{dataset}.nope")
    assert caught.value.errors[0]["reason"] == "notFound"
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset p-1:nope"):
        client.create_table(bigquery.Table("p-1.nope.t"))
    with pytest.raises(exceptions.NotFound, match=r"Not found: Job p-1:US\.nope"):
        client.get_job("nope", location="US")
    client.delete_table(f"{dataset}.nope", not_found_ok=True)


def test_tables_are_listed_in_pages(client, dataset):
    for number in range(5):
        client.create_table(bigquery.Table(f"p-1.{dataset}.t{number}", schema=[FIELD("a", "INT64")]))
    pages = [[one.table_id for one in page] for page in client.list_tables(dataset, page_size=2).pages]
    assert pages == [["t0", "t1"], ["t2", "t3"], ["t4"]]


def test_nullable_columns_are_added_and_required_ones_relaxed(client, dataset):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64", mode="REQUIRED")]))
    client.insert_rows_json(table, [{"a": 1}])
    table.schema = [FIELD("a", "INT64"), FIELD("b", "STRING"), FIELD("c", "NUMERIC", mode="REPEATED")]
    changed = client.update_table(table, ["schema"])
    assert [one.name for one in changed.schema] == ["a", "b", "c"]
    assert [tuple(row) for row in client.list_rows(changed)] == [(1, None, [])]
    client.insert_rows_json(changed, [{"b": "x"}])
    assert client.get_table(changed).num_rows == 2


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([FIELD("b", "STRING")], "Field a is missing in new schema"),
        ([FIELD("a", "STRING")], "Field a has changed type from INTEGER to STRING"),
        ([FIELD("a", "INT64"), FIELD("b", "STRING", mode="REQUIRED")], "Cannot add required fields"),
        ([FIELD("a", "INT64", mode="REQUIRED")], "changed mode from NULLABLE to REQUIRED"),
    ],
)
def test_other_changes_of_a_schema_are_refused(client, dataset, wanted, words):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    table.schema = wanted
    with pytest.raises(exceptions.BadRequest, match=words):
        client.update_table(table, ["schema"])


def test_an_update_over_another_version_fails_its_precondition(client, dataset):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    stale = client.get_table(table)
    table.description = "first"
    client.update_table(table, ["description"])
    stale.description = "second"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(stale, ["description"])
    assert client.get_table(table).description == "first"


def test_labels_change_one_by_one_and_an_expired_table_is_gone(client, dataset):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    table.labels = {"a": "1", "b": "2"}
    table = client.update_table(table, ["labels"])
    table.labels = {"a": None, "c": "3"}
    table = client.update_table(table, ["labels"])
    assert table.labels == {"b": "2", "c": "3"}
    table.expires = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    client.update_table(table, ["expires"])
    with pytest.raises(exceptions.NotFound):
        client.get_table(table)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"time_partitioning": bigquery.TimePartitioning(field="nope")}, "partitioning cannot be found"),
        (
            {"time_partitioning": bigquery.TimePartitioning(field="a")},
            "can only be of type TIMESTAMP, DATE or DATETIME",
        ),
        ({"clustering_fields": ["nope"]}, "clustering cannot be found"),
    ],
)
def test_partitions_and_clusters_name_fitting_columns(client, dataset, properties, words):
    table = bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")])
    for name, value in properties.items():
        setattr(table, name, value)
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_table(table)


def test_streamed_rows_come_back_and_the_same_insert_id_counts_once(client, dataset):
    schema = [
        FIELD("a", "INT64", mode="REQUIRED"),
        FIELD("n", "NUMERIC"),
        FIELD("r", "RECORD", fields=[FIELD("x", "FLOAT64")]),
    ]
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=schema))
    rows = [{"a": 1, "n": "1.10", "r": {"x": 0.5}}, {"a": "2"}]
    assert client.insert_rows_json(table, rows, row_ids=["one", "two"]) == []
    assert client.insert_rows_json(table, rows[:1], row_ids=["one"]) == []
    assert [tuple(row) for row in client.list_rows(table)] == [(1, Decimal("1.1"), {"x": 0.5}), (2, None, None)]


def test_a_bad_streamed_row_stops_the_others_unless_it_is_skipped(client, dataset):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    rows = [{"a": 1}, {"a": "x"}, {"b": 1}]
    errors = client.insert_rows_json(table, rows)
    assert {error["index"]: error["errors"][0]["reason"] for error in errors} == {
        0: "stopped",
        1: "invalid",
        2: "invalid",
    }
    assert client.get_table(table).num_rows == 0
    assert [one["index"] for one in client.insert_rows_json(table, rows, skip_invalid_rows=True)] == [1, 2]
    assert client.get_table(table).num_rows == 1


def test_rows_are_listed_in_pages_from_any_place_and_by_columns(client, dataset):
    table = client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64"), FIELD("b", "STRING")]))
    client.insert_rows_json(table, [{"a": number, "b": str(number)} for number in range(7)])
    found = client.list_rows(table, page_size=3)
    assert [[row["a"] for row in page] for page in found.pages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert found.total_rows == 7
    assert [tuple(row) for row in client.list_rows(table, start_index=5, selected_fields=[table.schema[1]])] == [
        ("5",),
        ("6",),
    ]
    assert len(list(client.list_rows(table, max_results=2))) == 2
    assert list(client.list_rows(table, start_index=99)) == []


def test_a_view_has_a_schema_and_rows_by_query_alone(client, dataset):
    client.create_table(bigquery.Table(f"p-1.{dataset}.t", schema=[FIELD("a", "INT64")]))
    client.insert_rows_json(f"p-1.{dataset}.t", [{"a": 2}])
    view = bigquery.Table(f"p-1.{dataset}.v")
    view.view_query = f"SELECT a, a * 2 AS b FROM `p-1.{dataset}.t`"
    made = client.create_table(view)
    assert ([one.name for one in made.schema], made.table_type) == (["a", "b"], "VIEW")
    assert [tuple(row) for row in client.query_and_wait(f"SELECT v.b FROM {dataset}.v AS v WHERE v.a = 2")] == [(4,)]
    with pytest.raises(exceptions.BadRequest, match="Cannot list a table of type VIEW"):
        list(client.list_rows(made))


def test_missing_permissions_are_told_and_enforced(own_emulator, own_client):
    own_client.create_dataset("d")
    table = own_client.create_table(bigquery.Table("p-1.d.t", schema=[FIELD("a", "INT64")]))
    asked = ["bigquery.tables.getData", "bigquery.tables.updateData"]
    assert own_client.test_iam_permissions(table, asked) == {"permissions": asked}
    own_emulator.dials.missing_permissions = {"bigquery.tables.updateData", "bigquery.tables.create"}
    assert own_client.test_iam_permissions(table, asked) == {"permissions": asked[:1]}
    with pytest.raises(exceptions.Forbidden, match=r"Access Denied: .*bigquery\.tables\.create denied"):
        own_client.create_table(bigquery.Table("p-1.d.u"))
    with pytest.raises(exceptions.Forbidden, match=r"Access Denied: Table p-1:d\.t"):
        own_client.query("INSERT INTO d.t (a) VALUES (1)").result()
    assert list(own_client.query_and_wait("SELECT * FROM d.t")) == []
    own_emulator.dials.missing_permissions = {"bigquery.jobs.create"}
    with pytest.raises(exceptions.Forbidden, match="Access Denied: Project p-1"):
        own_client.query("SELECT 1")
