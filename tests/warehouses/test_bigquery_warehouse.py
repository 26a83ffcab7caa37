"""The BigQuery warehouse over BigQuery's protocol, with google's own client and no project."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.errors import ConfigurationError, DataError, UnavailableError
from llm_convert.ports import Landed, Load
from llm_convert.testing.contracts.racing import race
from llm_convert.testing.contracts.warehouse import BRANCH, BSDA, TENANT, WarehouseContract, load_of, values
from llm_convert.testing.emulators.bigquery import BigQueryEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.warehouses.bigquery import BigQueryWarehouse
from llm_convert.warehouses.bigquery_calls import Calls, Patience
from llm_convert.warehouses.bigquery_errors import Place, call_error, is_transient_result, job_error
from llm_convert.warehouses.bigquery_jobs import job_id, labels_of
from llm_convert.warehouses.bigquery_schema import incoming
from llm_convert.warehouses.bigquery_transaction import landing_script
from llm_convert.warehouses.parquet_rows import read_rows
from night import Night

PROJECT = "p-1"
PATIENCE = Patience(total_seconds=20.0, first_seconds=0.01, cap_seconds=0.1)
PLACE = Place(project=PROJECT, dataset="d")


@pytest.fixture(scope="module")
def storage() -> Iterator[GcsEmulator]:
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def emulator(storage: GcsEmulator) -> Iterator[BigQueryEmulator]:
    with BigQueryEmulator(storage_url=storage.url) as emulator, pytest.MonkeyPatch.context() as patch:
        for name, value in {**storage.environment(), **emulator.environment()}.items():
            patch.setenv(name, value)
        yield emulator


def client() -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    return bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())


@pytest.fixture
def dataset(emulator: BigQueryEmulator) -> str:
    from google.cloud import bigquery

    name = f"d_{uuid4().hex[:12]}"
    made = bigquery.Dataset(f"{PROJECT}.{name}")
    made.location = "asia-northeast3"
    client().create_dataset(made)
    return name


@pytest.fixture
def warehouse(dataset: str) -> BigQueryWarehouse:
    return opened(dataset)


def opened(dataset: str, **options: Any) -> BigQueryWarehouse:
    return BigQueryWarehouse(PROJECT, dataset, **{"patience": PATIENCE, **options})


def ledger(dataset: str) -> list[dict[str, Any]]:
    rows = client().query(f"SELECT * FROM `{PROJECT}.{dataset}.llm_convert_loads` ORDER BY generation").result()
    return [dict(row.items()) for row in rows]


def jobs_of(dataset: str, kind: str) -> list[Any]:
    found = []
    for job in client().list_jobs(all_users=True):
        if job.job_id.startswith(f"llm_convert-{kind}-") and dataset in str(job.to_api_repr()):
            found.append(client().get_job(job.job_id, location=job.location))
    return found


def some(digest: str = "1", amounts: tuple[int, ...] = (1, 2, 3), **scope: Any) -> Load:
    return load_of({"amount": list(amounts), "_row": list(range(len(amounts)))}, digest=digest, **scope)


class TestBigQueryWarehouse(WarehouseContract):
    @pytest.fixture
    def warehouse(self, dataset: str) -> BigQueryWarehouse:
        return opened(dataset)


class TestWhatIsMade:
    def test_a_table_is_partitioned_by_day_and_clustered_by_tenant(
        self, warehouse: BigQueryWarehouse, dataset: str
    ) -> None:
        warehouse.land(some())
        table = client().get_table(f"{PROJECT}.{dataset}.weekly_profit")
        assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "_bsda_date")
        assert table.clustering_fields == ["_tenant", "_branch"]
        assert {column.mode for column in table.schema} == {"NULLABLE"}
        days = client().query(f"SELECT DISTINCT _bsda_date FROM `{table.full_table_id.replace(':', '.')}`").result()
        assert [row[0].isoformat() for row in days] == ["2025-11-07"]

    def test_staging_deletes_itself_and_is_not_listed(self, warehouse: BigQueryWarehouse, dataset: str) -> None:
        warehouse.land(some())
        names = {item.table_id for item in client().list_tables(f"{PROJECT}.{dataset}")}
        (staging,) = [name for name in names if name.startswith("llm_convert_staging_")]
        left = client().get_table(f"{PROJECT}.{dataset}.{staging}").expires.timestamp() - time.time()
        assert 23 * 3600 < left <= 24 * 3600
        assert warehouse.tables() == ("weekly_profit",)

    def test_jobs_carry_the_labels_of_a_bill(self, warehouse: BigQueryWarehouse, dataset: str) -> None:
        warehouse.land(some())
        labels = {"component": "llm_convert", "tenant": TENANT, "bsda": BSDA, "table": "weekly_profit"}
        for kind in ("stage", "land"):
            assert [job.labels for job in jobs_of(dataset, kind)] == [labels]

    def test_a_preview_hides_the_partition_and_nothing_else(self, warehouse: BigQueryWarehouse) -> None:
        warehouse.land(some())
        assert set(warehouse.preview("weekly_profit").columns) == {"amount", "_row", "_tenant", "_bsda", "_branch"}


class TestFromCloudStorage:
    def test_the_load_job_reads_the_object_itself(
        self, warehouse: BigQueryWarehouse, dataset: str, storage: GcsEmulator
    ) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage as gcs

        bucket = gcs.Client(project=PROJECT, credentials=AnonymousCredentials()).create_bucket(dataset)
        load = some()
        name = f"tenants/{TENANT}/tables/주간 실적/{BSDA}.parquet"
        bucket.blob(name).upload_from_string(load.parquet)
        by_uri = Load(**{**_fields(load), "uri": f"gs://{dataset}/{name}"})
        assert warehouse.land(by_uri) == Landed(rows=3, changed=True)
        assert values(warehouse, "amount") == [(1,), (2,), (3,)]
        (job,) = jobs_of(dataset, "stage")
        assert job.source_uris == [by_uri.uri]

    def test_an_object_with_other_rows_than_the_load_is_not_landed(
        self, dataset: str, storage: GcsEmulator, emulator: BigQueryEmulator
    ) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage as gcs

        bucket = gcs.Client(project=PROJECT, credentials=AnonymousCredentials()).create_bucket(dataset)
        bucket.blob("x.parquet").upload_from_string(some(amounts=(1,)).parquet)
        warehouse = opened(dataset, patience=Patience(total_seconds=0.3, first_seconds=0.01, cap_seconds=0.1))
        with pytest.raises(UnavailableError, match="staging table does not hold the rows"):
            warehouse.land(Load(**{**_fields(some()), "uri": f"gs://{dataset}/x.parquet"}))
        assert warehouse.preview("weekly_profit").total == 0


def _fields(load: Load) -> dict[str, Any]:
    return {name: getattr(load, name) for name in ("table", "tenant", "bsda", "branch", "digest", "parquet", "uri")}


def test_a_whole_night_lands_the_same_rows_as_on_one_machine(night: Night, dataset: str) -> None:
    night.drop("매출.csv", "품목,판매일,금액\n샴푸,2025-11-03,1234.5\n비누,2025-11-04,-200\n".encode())
    night.drop("방문.csv", "일자,지점,객수\n2025-11-03,본점,12\n2025-11-04,본점,x\n".encode("cp949"))
    night.through("email")
    for name in ("filter", "converter", "tag"):
        night.step(name)
    there = night.warehouse
    night.environ["LLM_CONVERT_WAREHOUSE"] = f"bigquery://{PROJECT}/{dataset}?location=asia-northeast3"
    for branch in ("email", "shared_drive"):
        assert night.step("tag", branch)["changed"] != []
        assert night.step("tag", branch)["changed"] == []
    assert there.tables() == night.warehouse.tables()
    assert there.tables() == ("llm_convert_lineage", "llm_convert_quarantine", "sales", "visits")
    for table in there.tables():
        assert there.preview(table) == night.warehouse.preview(table)


class TestFaults:
    @pytest.fixture(autouse=True)
    def _calm(self, emulator: BigQueryEmulator) -> Iterator[None]:
        yield
        emulator.dials.lose_every_nth_response = 0
        emulator.dials.fail_next.clear()
        emulator.dials.missing_permissions.clear()

    @pytest.mark.parametrize("nth", [3, 5])
    def test_lost_responses_land_one_load(self, dataset: str, emulator: BigQueryEmulator, nth: int) -> None:
        emulator.dials.lose_every_nth_response = nth
        assert opened(dataset).land(some()) == Landed(rows=3, changed=True)
        assert opened(dataset).land(some()) == Landed(rows=3, changed=False)
        emulator.dials.lose_every_nth_response = 0
        assert values(opened(dataset), "amount") == [(1,), (2,), (3,)]
        assert [row["digest"] for row in ledger(dataset)] == ["1"]
        assert len(jobs_of(dataset, "land")) == len(jobs_of(dataset, "stage")) == 1

    @pytest.mark.parametrize("failures", [[503], [429, 500, 502], [0, 0], [503] * 8])
    def test_failures_that_pass_are_waited_out(
        self, warehouse: BigQueryWarehouse, emulator: BigQueryEmulator, failures: list[int]
    ) -> None:
        emulator.dials.fail_next.extend(failures)
        assert warehouse.land(some()).changed

    def test_failures_that_stay_end_in_time(self, dataset: str, emulator: BigQueryEmulator) -> None:
        emulator.dials.fail_next.extend([503] * 10_000)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="not landed twice"):
            opened(dataset, patience=Patience(total_seconds=0.5, first_seconds=0.01, cap_seconds=0.1)).land(some())
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("effect", [False, True], ids=["before the call", "after it"])
    def test_a_loader_killed_at_any_call_leaves_nothing_that_a_rerun_does_not_mend(
        self, dataset: str, monkeypatch: pytest.MonkeyPatch, effect: bool
    ) -> None:
        opened(dataset).land(some("0", (9,)))
        finished, number = False, 0
        while not finished:
            number += 1
            load = some(f"{number}", tuple(range(number)))
            with killed_at(number, monkeypatch, effect=effect), contextlib.suppress(KilledError):
                opened(dataset).land(load)
                finished = True
            opened(dataset).land(load)
            assert values(opened(dataset), "amount") == [(n,) for n in range(number)]
            assert [row["digest"] for row in ledger(dataset)].count(load.digest) == 1
        assert number > 6

    def test_a_rerun_after_the_staging_expired_loads_again(self, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
        number = 0
        while not jobs_of(dataset, "stage") or not jobs_of(dataset, "stage")[0].done():
            number += 1
            with killed_at(number, monkeypatch, effect=True), contextlib.suppress(KilledError):
                opened(dataset).land(some())
        assert not jobs_of(dataset, "land")
        for item in client().list_tables(f"{PROJECT}.{dataset}"):
            if "staging" in item.table_id:
                client().delete_table(item.reference)
        assert opened(dataset).land(some()) == Landed(rows=3, changed=True)
        assert values(opened(dataset), "amount") == [(1,), (2,), (3,)]

    @pytest.mark.parametrize("location", ["asia-northeast3", "US"])
    def test_a_dataset_that_was_made_anew_is_filled_again(self, dataset: str, location: str) -> None:
        from google.cloud import bigquery

        opened(dataset).land(some())
        client().delete_dataset(f"{PROJECT}.{dataset}", delete_contents=True)
        made = bigquery.Dataset(f"{PROJECT}.{dataset}")
        made.location = location
        client().create_dataset(made)
        assert opened(dataset).land(some()) == Landed(rows=3, changed=True)
        assert opened(dataset).preview("weekly_profit").total == 3

    def test_a_table_that_a_person_emptied_is_filled_again(self, warehouse: BigQueryWarehouse, dataset: str) -> None:
        warehouse.land(some())
        client().query(f"DELETE FROM `{PROJECT}.{dataset}.weekly_profit` WHERE true").result()
        assert warehouse.land(some()) == Landed(rows=3, changed=True)
        assert warehouse.preview("weekly_profit").total == 3

    def test_racing_loaders_over_a_bad_line_land_one_load(self, dataset: str, emulator: BigQueryEmulator) -> None:
        emulator.dials.lose_every_nth_response = 6
        landed = race(4, lambda _: opened(dataset).land(some()))
        emulator.dials.lose_every_nth_response = 0
        assert sorted(one.changed for one in landed) == [False, False, False, True]
        assert values(opened(dataset), "amount") == [(1,), (2,), (3,)]
        assert len(ledger(dataset)) == 1


class KilledError(BaseException):
    """As SIGKILL would: nothing of ours runs after it."""


@contextlib.contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, *, effect: bool) -> Iterator[None]:
    """The n-th call of BigQuery is the process's last; with or without its effect."""
    run, calls = Calls.run, 0

    def counted(self: Calls, call: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not effect:
            raise KilledError
        answer = run(self, call)
        if calls >= number:
            raise KilledError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Calls, "run", counted)
        yield


class TestWhatIsWrong:
    @pytest.fixture(autouse=True)
    def _calm(self, emulator: BigQueryEmulator) -> Iterator[None]:
        yield
        emulator.dials.missing_permissions.clear()

    def test_a_missing_dataset_is_told_with_the_command(self, emulator: BigQueryEmulator) -> None:
        for act in (lambda w: w.land(some()), lambda w: w.tables()):
            with pytest.raises(ConfigurationError, match=r"bq mk --location=US --dataset p-1:nowhere"):
                act(opened("nowhere", location="US"))

    def test_another_location_is_told(self, dataset: str) -> None:
        with pytest.raises(ConfigurationError, match="lies in asia-northeast3, and LLM_CONVERT_WAREHOUSE says"):
            opened(dataset, location="US").land(some())
        assert opened(dataset, location="ASIA-NORTHEAST3").land(some()).changed

    @pytest.mark.parametrize("permission", ["bigquery.jobs.create", "bigquery.tables.create"])
    def test_a_missing_permission_is_told_with_the_role(
        self, warehouse: BigQueryWarehouse, emulator: BigQueryEmulator, permission: str
    ) -> None:
        emulator.dials.missing_permissions.add(permission)
        with pytest.raises(ConfigurationError, match=r"roles/bigquery.jobUser on project p-1, roles/bigquery.dataEd"):
            warehouse.land(some())

    @pytest.mark.parametrize("name", ["_file_id", "_PARTITIONTIME", "_table_x", "_bsda_date"])
    def test_a_column_that_bigquery_keeps_for_itself_is_refused(self, warehouse: BigQueryWarehouse, name: str) -> None:
        with pytest.raises(ConfigurationError, match=f"'{name}'.*reserved"):
            warehouse.land(load_of({name: ["x"]}, digest="1"))

    def test_our_own_tables_are_refused(self, warehouse: BigQueryWarehouse) -> None:
        for table in ("llm_convert_loads", "llm_convert_staging_x"):
            with pytest.raises(ConfigurationError, match="library's own"):
                warehouse.land(some(table=table))

    def test_types_that_bigquery_has_not_are_refused(self, warehouse: BigQueryWarehouse) -> None:
        with pytest.raises(ConfigurationError, match="column 'list'"):
            warehouse.land(load_of({"list": [[1]]}, digest="1"))


class TestWhatIsRefusedAtOnce:
    @pytest.mark.parametrize("url", ["bigquery://p", "bigquery://p/d/t", "bigquery://p/d?region=x", "duckdb://p/d"])
    def test_urls_of_another_form_are_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="bigquery://PROJECT/DATASET"):
            BigQueryWarehouse.from_url(url)

    def test_a_bsda_that_is_no_day_is_refused(self) -> None:
        load = some(bsda="20251399000000")
        with pytest.raises(DataError, match="20251399"):
            incoming(load, read_rows(load))


class TestErrorsInWords:
    @pytest.mark.parametrize(
        ("reason", "message", "kind", "said"),
        [
            ("backendError", "x", UnavailableError, "not landed twice"),
            ("invalidQuery", "Could not serialize access to table t due to concurrent update", UnavailableError, ""),
            ("accessDenied", "no", ConfigurationError, "roles/bigquery.jobUser"),
            ("quotaExceeded", "x", UnavailableError, "quota"),
            ("stopped", "x", UnavailableError, "cancelled"),
            ("invalid", "Cannot read and write in different locations: US, EU", ConfigurationError, "--location="),
            ("invalid", "Error while reading data: secret 1234", DataError, "bq show"),
        ],
    )
    def test_of_jobs(self, reason: str, message: str, kind: type[Exception], said: str) -> None:
        error = job_error(PLACE, "j", {"reason": reason, "message": message})
        assert isinstance(error, kind)
        assert said in str(error)
        assert "secret" not in str(error)

    def test_a_concurrent_update_is_worth_another_try_and_a_wrong_name_is_not(self) -> None:
        told = "Transaction is aborted due to concurrent update against table p:d.t. Transaction ID: x"
        assert is_transient_result({"reason": "invalidQuery", "message": told})
        assert not is_transient_result({"reason": "invalidQuery", "message": "Unrecognized name: x"})

    def test_missing_credentials_are_told(self) -> None:
        from google.auth.exceptions import DefaultCredentialsError

        assert "gcloud auth application-default login" in str(call_error(PLACE, DefaultCredentialsError("none")))

    def test_a_rate_limit_that_comes_as_403_is_transient(self) -> None:
        from google.api_core.exceptions import Forbidden

        for reason, kind in (("rateLimitExceeded", UnavailableError), ("accessDenied", ConfigurationError)):
            assert isinstance(call_error(PLACE, Forbidden("no", errors=[{"reason": reason}])), kind)


names = st.text(min_size=1, max_size=300)


class TestNames:
    @given(table=names, tenant=names, branch=names, part=names)
    @settings(max_examples=100)
    def test_job_ids_and_labels_are_such_as_bigquery_takes(
        self, table: str, tenant: str, branch: str, part: str
    ) -> None:
        load = Load(table=table, tenant=tenant, bsda=BSDA, branch=branch, digest="1", parquet=b"", uri="")
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", job_id("land", PLACE, "US", load, part))
        assert all(re.fullmatch(r"[a-z0-9_-]{0,63}", value) for value in labels_of(load).values())

    @given(one=st.tuples(names, names), other=st.tuples(names, names))
    @settings(max_examples=100)
    def test_one_id_is_one_landing(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        load = Load(table="t", tenant=TENANT, bsda=BSDA, branch=BRANCH, digest="1", parquet=b"", uri="")
        same = job_id("land", PLACE, "US", load, *one) == job_id("land", PLACE, "US", load, *other)
        assert same == (one == other)

    @pytest.mark.parametrize("replaces", [False, True])
    def test_the_script_is_bigquerys_sql_and_deletes_only_where_something_is(self, replaces: bool) -> None:
        load = some(table="select")
        calls = Calls(PLACE, location=None, patience=PATIENCE)
        sql = landing_script(calls, incoming(load, read_rows(load)), staging="s", replaces=replaces)
        asserted, _, script = sql.partition(";")
        assert asserted == (
            "ASSERT (SELECT COUNT(*) FROM `p-1.d.s`) = @landed_rows"
            " AS 'the staging table does not hold the rows of the load'"
        )
        kinds = [type(statement).__name__ for statement in sqlglot.parse(script, dialect="bigquery") if statement]
        assert kinds == ["Transaction", *(["Delete"] if replaces else []), "Insert", "Insert", "Commit"]
