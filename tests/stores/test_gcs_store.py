from __future__ import annotations

import base64
import http.server
import os
import subprocess
import sys
import threading

import google_crc32c
import pytest
from google.cloud import storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_convert.claims.lease import Claim, Held
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.work import Reply, Result, Row
from llm_convert.errors import (
    EXIT_CONFIGURATION,
    EXIT_TRY_AGAIN,
    ConfigurationError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    exit_code_of,
)
from llm_convert.stores.gcs import RESUMABLE_ABOVE_BYTES, GcsObjectStore
from llm_convert.stores.gcs_client import client_for, close_clients
from llm_convert.stores.gcs_retry import Retries
from llm_convert.testing.clock import FakeClock
from llm_convert.testing.contracts.object_store import ObjectStoreContract
from llm_convert.testing.contracts.racing import race
from llm_convert.testing.emulators.gcs import GcsEmulator
from work_items import work_item

BUCKET = "bucket-1"
QUICK = Retries(deadline_seconds=20, first_pause_seconds=0.001, longest_pause_seconds=0.01)


@pytest.fixture
def emulator(monkeypatch):
    with GcsEmulator() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        owner = storage.Client(project="p")
        owner.create_bucket(BUCKET)
        owner.close()
        yield running
        close_clients()


@pytest.fixture
def store(emulator):
    return GcsObjectStore(BUCKET, "주간 store", retries=QUICK)


def on_every_method(store):
    """Each method by its name, on an object that is there."""
    version = store.create("there", b"1")
    return {
        "create": lambda: store.create("new", b"2"),
        "replace": lambda: store.replace("there", b"2", if_version=version),
        "delete": lambda: store.delete("there", if_version=version),
        "read": lambda: store.read("there"),
        "list": lambda: list(store.list("")),
    }


METHODS = ("create", "replace", "delete", "read", "list")


class TestGcsObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, emulator):
        return GcsObjectStore.from_url(f"gs://{BUCKET}/주간 store")


class TestNamesAndUrls:
    @pytest.mark.parametrize(
        ("url", "root", "located"),
        [
            ("gs://b", "gs://b", "gs://b/k/손익 1.json"),
            ("gs://b/", "gs://b", "gs://b/k/손익 1.json"),
            ("gs://b/p/q/", "gs://b/p/q", "gs://b/p/q/k/손익 1.json"),
            ("gs://b/밤 50%25", "gs://b/밤 50%25", "gs://b/밤 50%25/k/손익 1.json"),
        ],
    )
    def test_a_url_is_taken_as_it_is_written(self, url, root, located):
        opened = GcsObjectStore.from_url(url)
        assert opened.url == root
        assert opened.locate("k/손익 1.json") == located

    @pytest.mark.parametrize("url", ["gs://", "gs:///p", "s3://b/p", "b/p", "gs://b//p", "gs://b/../p"])
    def test_other_urls_are_refused(self, url):
        with pytest.raises(ConfigurationError) as caught:
            GcsObjectStore.from_url(url)
        assert caught.value.remedy

    @pytest.mark.parametrize("key", ["a\nb", "a\rb", "가" * 342])
    def test_names_that_the_service_refuses_are_refused_before_it_is_asked(self, key):
        with pytest.raises(StoreError) as caught:
            GcsObjectStore("nowhere").create(key, b"")
        assert caught.value.remedy

    def test_the_longest_name_is_stored(self, emulator):
        store = GcsObjectStore(BUCKET)
        key = "가" * 341
        store.create(key, b"1")
        assert [info.key for info in store.list("")] == [key]

    @pytest.mark.parametrize("version", ["0", "abc", "", "-1", "1.5", "٣"])
    def test_what_is_no_version_never_writes(self, store, version):
        with pytest.raises(PreconditionFailedError):
            store.replace("k", b"1", if_version=version)
        with pytest.raises(PreconditionFailedError):
            store.delete("k", if_version=version)
        assert list(store.list("")) == []


class TestPrefixes:
    def test_a_neighbour_with_a_similar_prefix_is_not_seen(self, emulator):
        stores = {prefix: GcsObjectStore(BUCKET, prefix) for prefix in ("t", "t1", "t/deep")}
        for prefix, store in stores.items():
            store.create("k", prefix.encode())
        assert [info.key for info in stores["t"].list("")] == ["deep/k", "k"]
        assert [info.key for info in stores["t1"].list("")] == ["k"]
        assert [info.key for info in stores["t/deep"].list("")] == ["k"]
        assert stores["t"].read("k").data == b"t"

    def test_folders_that_a_console_made_are_no_objects(self, store):
        bucket = client_for(None).bucket(BUCKET)
        for name in ("주간 store/", "주간 store/folder/", "주간 store/a//b"):
            bucket.blob(name).upload_from_string(b"")
        store.create("folder/k", b"1")
        assert [info.key for info in store.list("")] == ["folder/k"]

    def test_many_pages(self, emulator, monkeypatch):
        monkeypatch.setattr("llm_convert.stores.gcs.PAGE_OBJECTS", 7)
        store = GcsObjectStore(BUCKET, "p", retries=QUICK)
        keys = [f"k{number:03}" for number in range(50)]
        for key in keys:
            store.create(key, b"")
        emulator.dials.fail_next.extend([503, 429])
        assert [info.key for info in store.list("k")] == keys


class TestOutages:
    @pytest.mark.parametrize("method", METHODS)
    def test_a_storm_of_refusals_is_ridden_out(self, emulator, store, method):
        call = on_every_method(store)[method]
        emulator.dials.fail_next.extend([503, 429, 500, 502, 504, 408])
        call()
        assert emulator.dials.fail_next == []

    @pytest.mark.parametrize("method", METHODS)
    def test_an_outage_ends_in_an_error_that_may_be_tried_again(self, emulator, store, method):
        on_every_method(store)
        short = GcsObjectStore(BUCKET, "주간 store", retries=Retries(deadline_seconds=0.05, first_pause_seconds=0.001))
        version = store.read("there").version
        calls = {
            "create": lambda: short.create("new", b"2"),
            "replace": lambda: short.replace("there", b"2", if_version=version),
            "delete": lambda: short.delete("there", if_version=version),
            "read": lambda: short.read("there"),
            "list": lambda: list(short.list("")),
        }
        emulator.dials.fail_next.extend([503] * 10_000)
        with pytest.raises(StoreError) as caught:
            calls[method]()
        emulator.dials.fail_next.clear()
        assert "503" in str(caught.value)
        assert caught.value.remedy
        assert exit_code_of(caught.value) == EXIT_TRY_AGAIN

    def test_a_server_that_is_gone_is_an_error_that_may_be_tried_again(self, emulator):
        store = GcsObjectStore(BUCKET, retries=Retries(deadline_seconds=0.05, first_pause_seconds=0.001))
        emulator.stop()
        with pytest.raises(StoreError) as caught:
            store.read("k")
        assert exit_code_of(caught.value) == EXIT_TRY_AGAIN

    def test_a_wait_that_the_service_asks_for_is_kept_and_bounded(self, emulator):
        waited = []
        patient = Retries(first_pause_seconds=0.001, longest_pause_seconds=5, sleep=waited.append)
        store = GcsObjectStore(BUCKET, retries=patient)
        emulator.dials.retry_after = "3600"
        emulator.dials.fail_next.append(503)
        store.create("k", b"1")
        assert waited == [5]


class TestLostResponses:
    """Every n-th request takes effect and its answer never comes."""

    @pytest.mark.parametrize("lose_every", [2, 3])
    def test_a_write_that_took_effect_is_no_defeat(self, emulator, store, lose_every):
        emulator.dials.lose_every_nth_response = lose_every
        for number in range(6):
            key = f"k{number}"
            first = store.create(key, b"1")
            assert store.read(key).version == first
            second = store.replace(key, b"2", if_version=first)
            assert store.read(key).version == second
            store.delete(key, if_version=second)
            with pytest.raises(ObjectNotFoundError):
                store.read(key)

    @pytest.mark.parametrize("lose_every", [2, 3])
    def test_a_defeat_stays_a_defeat(self, emulator, store, lose_every):
        version = store.create("k", b"theirs")
        emulator.dials.lose_every_nth_response = lose_every
        for _ in range(6):
            with pytest.raises(PreconditionFailedError):
                store.create("k", b"theirs")
            with pytest.raises(PreconditionFailedError):
                store.replace("k", b"mine", if_version=str(int(version) - 1))
        assert store.read("k").version == version

    def test_of_many_creators_one_wins(self, emulator, store):
        emulator.dials.lose_every_nth_response = 3
        for turn in range(5):

            def create(number: int, key: str = f"race/{turn}") -> bool:
                try:
                    store.create(key, str(number).encode())
                except PreconditionFailedError:
                    return False
                return True

            won = race(12, create)
            assert won.count(True) == 1
            assert store.read(f"race/{turn}").data == str(won.index(True)).encode()

    OPERATIONS = st.lists(
        st.tuples(st.sampled_from(["create", "replace", "stale", "delete", "read", "list"]), st.sampled_from("ab")),
        min_size=1,
        max_size=12,
    )

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(operations=OPERATIONS, lose_every=st.integers(0, 3).map(lambda n: n + 1 if n else 0))
    def test_one_writer_sees_what_it_did(self, emulator, operations, lose_every):
        emulator.dials.lose_every_nth_response = 0
        store = GcsObjectStore(BUCKET, os.urandom(6).hex(), retries=QUICK)
        emulator.dials.lose_every_nth_response = lose_every
        held: dict[str, tuple[bytes, str]] = {}
        for number, (operation, key) in enumerate(operations):
            data, version = str(number).encode(), held.get(key, (b"", "1"))[1]
            try:
                if operation == "create":
                    held[key] = (data, store.create(key, data))
                elif operation == "replace":
                    held[key] = (data, store.replace(key, data, if_version=version))
                elif operation == "stale":
                    store.replace(key, data, if_version="1")
                    raise AssertionError("a stale version was replaced")
                elif operation == "delete":
                    store.delete(key, if_version=version)
                    assert held.pop(key, None) or lose_every
                elif operation == "read":
                    found = store.read(key)
                    assert (found.data, found.version) == held[key]
                else:
                    assert {info.key: info.version for info in store.list("")} == {k: v for k, (_, v) in held.items()}
            except PreconditionFailedError:
                assert operation == "stale" or (operation == "create") == (key in held)
            except ObjectNotFoundError:
                assert operation == "read" and key not in held


class TestLargeObjects:
    DATA = os.urandom(1 << 20) * 20

    def test_chunks_come_together(self, store):
        assert len(self.DATA) > 2 * RESUMABLE_ABOVE_BYTES
        version = store.create("large.bin", self.DATA)
        held = store.read("large.bin")
        assert held.data == self.DATA
        assert held.version == version
        with pytest.raises(PreconditionFailedError):
            store.create("large.bin", self.DATA)
        newer = store.replace("large.bin", self.DATA[:-1], if_version=version)
        assert store.read("large.bin").version == newer

    def test_at_the_threshold(self, store):
        for size in (RESUMABLE_ABOVE_BYTES, RESUMABLE_ABOVE_BYTES + 1):
            store.create(f"{size}", self.DATA[:size])
            assert store.read(f"{size}").data == self.DATA[:size]

    @pytest.mark.parametrize("lose_every", [2, 3, 4])
    def test_lost_responses_of_chunks(self, emulator, store, lose_every):
        emulator.dials.lose_every_nth_response = lose_every
        version = store.create("large.bin", self.DATA)
        emulator.dials.lose_every_nth_response = 0
        held = store.read("large.bin")
        assert held.version == version
        assert held.data == self.DATA

    def test_refused_chunks(self, emulator, store):
        emulator.dials.fail_next.extend([503, 500, 429])
        store.create("large.bin", self.DATA)
        assert store.read("large.bin").data == self.DATA


class TestPermissionsAndBuckets:
    NEEDS = (
        ("create", "storage.objects.create"),
        ("replace", "storage.objects.delete"),
        ("delete", "storage.objects.delete"),
        ("read", "storage.objects.get"),
        ("list", "storage.objects.list"),
    )

    @pytest.mark.parametrize(("method", "permission"), NEEDS)
    def test_a_missing_permission_names_role_and_bucket(self, emulator, store, method, permission):
        call = on_every_method(store)[method]
        emulator.dials.missing_permissions.add(permission)
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert "403" in str(caught.value)
        assert "roles/storage.objectUser" in caught.value.remedy
        assert f"gs://{BUCKET}" in caught.value.remedy
        assert exit_code_of(caught.value) == EXIT_CONFIGURATION

    @pytest.mark.parametrize("method", METHODS)
    def test_a_missing_bucket_is_told_from_a_missing_object(self, emulator, method):
        store = GcsObjectStore("no-such-bucket", "p", retries=QUICK)
        calls = {
            "create": lambda: store.create("k", b"1"),
            "replace": lambda: store.replace("k", b"1", if_version="1"),
            "delete": lambda: store.delete("k", if_version="1"),
            "read": lambda: store.read("k"),
            "list": lambda: list(store.list("")),
        }
        with pytest.raises(ConfigurationError) as caught:
            calls[method]()
        assert "gcloud storage buckets create gs://no-such-bucket" in caught.value.remedy

    def test_no_credentials(self, monkeypatch, tmp_path):
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        with pytest.raises(ConfigurationError) as caught:
            GcsObjectStore(BUCKET).read("k")
        assert "gcloud auth application-default login" in caught.value.remedy

    def test_a_missing_package_names_the_extra(self):
        code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("google.cloud.storage"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from llm_convert.errors import MissingExtraError
from llm_convert.stores.gcs import GcsObjectStore
try:
    GcsObjectStore("b")
except MissingExtraError as error:
    print(error.extra)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stdout == "gcp\n", done.stderr

    def test_opening_a_store_loads_nothing_of_googles(self):
        code = (
            "import sys; from llm_convert.stores.gcs import GcsObjectStore; GcsObjectStore.from_url('gs://b/p');"
            "print([name for name in sys.modules if name.startswith('google.')])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert set(eval(done.stdout)) <= {"google.cloud"}, done.stderr


class TestDamagedBytes:
    @pytest.mark.parametrize("size_bytes", [10, RESUMABLE_ABOVE_BYTES + 1])
    def test_what_arrives_otherwise_than_it_was_sent_never_comes_to_be(self, store, monkeypatch, size_bytes):
        monkeypatch.setattr("llm_convert.stores.gcs.crc32c_of", lambda data: "AAAAAA==")
        with pytest.raises(StoreError):
            store.create("k", b"x" * size_bytes)
        assert list(store.list("")) == []

    def test_they_are_fetched_again(self, monkeypatch):
        good, asked = b"1234567890", []

        class Server(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                crc32c = base64.b64encode(google_crc32c.value(good).to_bytes(4, "big")).decode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(good)))
                self.send_header("X-Goog-Generation", "7")
                self.send_header("X-Goog-Hash", f"crc32c={crc32c}")
                self.end_headers()
                self.wfile.write(good if len(asked) > 1 else good[::-1])

            def log_message(self, *arguments):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
            held = GcsObjectStore(BUCKET, retries=QUICK).read("k")
            close_clients()
            server.shutdown()
        assert (held.data, held.version) == (good, "7")
        assert len(asked) == 2, asked


class TestOneProcess:
    def test_threads_share_one_client(self, emulator, store):
        store.create("k", b"1" * 10_000)
        clients = race(32, lambda _: (store.read("k"), client_for(None))[1])
        assert len(set(map(id, clients))) == 1

    def test_a_forked_child_has_connections_of_its_own(self, store):
        version = store.create("k", b"parent")
        parents = client_for(None)
        child = os.fork()
        if child == 0:
            code = 2
            try:
                own = client_for(None) is not parents
                ours = store.replace("k", b"child", if_version=version)
                code = 0 if own and ours != version else 1
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert store.read("k").data == b"child"


class TestClaims:
    """The ledger's core over this store, with every third answer lost."""

    ITEM = work_item(tenant="c8cd3500", document_key="tenants/c8cd3500/landing/s/20251107140000/손익.xlsx")

    @pytest.mark.parametrize("lose_every", [0, 2, 3])
    def test_from_claim_to_result(self, emulator, store, lose_every):
        emulator.dials.lose_every_nth_response = lose_every
        clock = FakeClock()
        a, b = (
            Ledger(store, "c8cd3500", owner=owner, run_id="r", lease_seconds=300, clock=clock) for owner in ("a", "b")
        )
        lost = a.claim(self.ITEM)
        assert isinstance(lost, Claim)
        assert isinstance(b.claim(self.ITEM), Held)
        lost = a.renew(lost)
        clock.advance(300)
        taken = b.claim(self.ITEM)
        assert isinstance(taken, Claim)
        reply = Reply(work_item=self.ITEM.id, run_id="r", provider="p", model="m", stop_reason="end", text="paid")
        assert b.store_reply(reply)
        rows = (Row(values={"amount": 1}, at={"amount": ("Sheet1!A1",)}),)
        result = Result(
            item=self.ITEM,
            run_id="r",
            bsda="20251107140000",
            provider="p",
            model="m",
            strategy="direct",
            table="t",
            rows=rows,
        )
        assert b.finish(taken, result) == result
        assert a.result(self.ITEM.id) == result
        assert a.reply(self.ITEM.id) == reply
        a.release(lost)

    def test_of_many_claimers_one_has_it(self, emulator, store):
        emulator.dials.lose_every_nth_response = 4
        clock = FakeClock()

        def claim(number: int):
            ledger = Ledger(store, "c8cd3500", owner=f"{number}", run_id="r", lease_seconds=300, clock=clock)
            return ledger.claim(self.ITEM)

        found = race(12, claim)
        assert sum(isinstance(one, Claim) for one in found) == 1
