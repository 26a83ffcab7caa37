from __future__ import annotations

import io
import socket
import threading
import time
from functools import partial

import pytest
from google.api_core.exceptions import Forbidden, PreconditionFailed, ServiceUnavailable, TooManyRequests
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import ConnectionError as LostError

from llm_convert.testing.emulators.gcs import Dials, GcsEmulator

AT_ONCE = DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001, multiplier=1)


def test_failures_come_in_order_and_once(gcs, bucket):
    gcs.dials.fail_next = [503, 429]
    blob = bucket.blob("k")
    with pytest.raises(ServiceUnavailable):
        blob.upload_from_string(b"1", retry=None)
    with pytest.raises(TooManyRequests):
        blob.upload_from_string(b"1", retry=None)
    assert gcs.objects(bucket.name) == ()
    blob.upload_from_string(b"1", retry=None)


def test_failures_have_googles_form(gcs, http, bucket):
    gcs.dials.fail_next, gcs.dials.retry_after = [429, 503], "7"
    url = f"{gcs.url}/storage/v1/b/{bucket.name}"
    for status, reason in ((429, "rateLimitExceeded"), (503, "backendError")):
        answer = http.get(url)
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
        assert answer.json()["error"]["errors"][0]["reason"] == reason


def test_the_client_overcomes_failures(gcs, bucket):
    gcs.dials.fail_next = [503, 429, 500]
    bucket.blob("k").upload_from_string(b"1", retry=AT_ONCE)
    gcs.dials.fail_next = [503]
    assert bucket.get_blob("k", retry=AT_ONCE).size == 1


def test_a_lost_answer_took_effect(gcs, bucket):
    gcs.dials.lose_every_nth_response = 1
    with pytest.raises(LostError):
        bucket.blob("k").upload_from_string(b"1", retry=None, if_generation_match=0)
    (only,) = gcs.objects(bucket.name)
    assert only.data == b"1"


def test_every_nth_answer_is_lost(gcs, bucket):
    gcs.dials.lose_every_nth_response = 3
    outcomes = []
    for number in range(9):
        try:
            bucket.blob(f"{number}").upload_from_string(b"1", retry=None)
            outcomes.append(True)
        except LostError:
            outcomes.append(False)
    assert outcomes == [True, True, False] * 3
    assert len(gcs.objects(bucket.name)) == 9


def test_a_resumable_upload_survives_lost_answers(gcs, bucket):
    data = bytes(range(256)) * 4096 + b"end"
    gcs.dials.lose_every_nth_response = 3
    bucket.blob("k", chunk_size=256 * 1024).upload_from_file(
        io.BytesIO(data), size=len(data), retry=AT_ONCE, if_generation_match=0
    )
    gcs.dials.lose_every_nth_response = 0
    (only,) = gcs.objects(bucket.name, versions=True)
    assert only.data == data


def test_failures_and_losses_for_some_requests_alone(gcs, http, bucket):
    gcs.dials.fail_next, gcs.dials.lose_every_nth_response = [503], 2
    gcs.dials.only_for = f"GET /storage/v1/b/{bucket.name}/o"
    url = f"{gcs.url}/storage/v1/b/{bucket.name}"
    assert [http.get(url).status_code for _ in range(3)] == [200] * 3
    bucket.blob("k").upload_from_string(b"1", retry=None)
    assert http.get(f"{url}/o").status_code == 503
    with pytest.raises(LostError):
        http.get(f"{url}/o/k")
    assert http.get(f"{url}/o/k").status_code == 200


def test_latency(gcs, bucket):
    gcs.dials.latency_seconds = 0.15
    began = time.monotonic()
    bucket.exists()
    assert time.monotonic() - began >= 0.15


def test_stopping_ends_what_waits():
    emulator = GcsEmulator(dials=Dials(latency_seconds=60)).start()
    with socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /storage/v1/b?project=p HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.05)
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "gcs-emulator"]


@pytest.mark.parametrize(
    ("permission", "attempt"),
    [
        ("storage.objects.create", lambda bucket: bucket.blob("new").upload_from_string(b"1")),
        ("storage.objects.create", lambda bucket: bucket.blob("n", chunk_size=262144).upload_from_string(b"1")),
        ("storage.objects.delete", lambda bucket: bucket.blob("k").upload_from_string(b"1")),
        ("storage.objects.delete", lambda bucket: bucket.delete_blob("k")),
        ("storage.objects.get", lambda bucket: bucket.blob("k").download_as_bytes()),
        ("storage.objects.get", lambda bucket: bucket.get_blob("k")),
        ("storage.objects.list", lambda bucket: list(bucket.list_blobs())),
        ("storage.objects.list", lambda bucket: bucket.get_blob("absent")),
        ("storage.objects.update", lambda bucket: bucket.blob("k").patch()),
        ("storage.buckets.get", lambda bucket: bucket.reload()),
        ("storage.buckets.update", lambda bucket: bucket.patch()),
        ("storage.buckets.delete", lambda bucket: bucket.delete()),
        ("storage.buckets.create", lambda bucket: bucket.client.create_bucket("new")),
        ("storage.buckets.list", lambda bucket: list(bucket.client.list_buckets())),
        ("storage.buckets.getIamPolicy", lambda bucket: bucket.get_iam_policy()),
    ],
)
def test_what_lacks_a_permission_is_refused(gcs, bucket, permission, attempt):
    bucket.blob("k").upload_from_string(b"0")
    gcs.dials.missing_permissions = {permission}
    with pytest.raises(Forbidden, match=permission.replace(".", r"\.")):
        attempt(bucket)
    assert [found.data for found in gcs.objects(bucket.name)] == [b"0"]


def test_creating_needs_no_right_to_delete(gcs, bucket):
    gcs.dials.missing_permissions = {"storage.objects.delete", "storage.objects.get", "storage.objects.list"}
    bucket.blob("new").upload_from_string(b"1", if_generation_match=0)


def test_the_environment_is_all_that_a_client_needs(gcs, client):
    environment = gcs.environment()
    assert (environment["STORAGE_EMULATOR_HOST"], environment["GOOGLE_CLOUD_PROJECT"]) == (gcs.url, "local-project")
    assert client.project == "local-project"
    assert gcs.url.startswith("http://127.0.0.1:")


def test_a_port_of_choice():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with GcsEmulator(port=port, project="p") as emulator:
        assert emulator.url == f"http://127.0.0.1:{port}"
        assert emulator.environment()["GOOGLE_CLOUD_PROJECT"] == "p"


def test_two_emulators_know_nothing_of_each_other(gcs):
    with GcsEmulator(buckets=["b-b"]) as other:
        assert [bucket.name for bucket in other.buckets()] == ["b-b"]
        found = storage.Client(client_options={"api_endpoint": other.url})
        assert [bucket.name for bucket in found.list_buckets()] == ["b-b"]
        found.close()


def test_an_emulator_that_was_never_started_can_be_stopped():
    GcsEmulator().stop()


def test_a_request_that_ends_too_soon_has_no_effect(gcs, bucket):
    port = int(gcs.url.rpartition(":")[2])
    target = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=k"
    for framing in ("Content-Length: 100\r\n\r\nshort", "Transfer-Encoding: chunked\r\n\r\n64\r\nshort"):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{framing}".encode())
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
    assert gcs.objects(bucket.name) == ()


@pytest.mark.parametrize("framing", ["Content-Length: -5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_a_framing_that_cannot_be_read(gcs, framing):
    with socket.create_connection(("127.0.0.1", int(gcs.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"POST /upload/storage/v1/b/x/o HTTP/1.1\r\nHost: x\r\n{framing}".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_one_connection_serves_many_requests(gcs, http, bucket):
    ports = set()
    for _ in range(5):
        with http.get(f"{gcs.url}/storage/v1/b/{bucket.name}/o/absent", stream=True) as answer:
            ports.add(answer.raw._connection.sock.getsockname())
            assert answer.content
    assert len(ports) == 1


def test_one_object_bears_few_changes_a_second(gcs, bucket):
    gcs.dials.object_writes_per_second, gcs.dials.object_writes_at_once = 4, 2
    blob, other = bucket.blob("k"), bucket.blob("other")
    blob.upload_from_string(b"1", retry=None)
    blob.upload_from_string(b"2", retry=None)
    for change in (partial(blob.upload_from_string, b"3"), blob.delete, blob.patch):
        with pytest.raises(TooManyRequests, match="exceeded the rate limit for object mutation"):
            change(retry=None)
    assert bucket.blob("k").download_as_bytes() == b"2"
    other.upload_from_string(b"1", retry=None)
    assert gcs.refused_writes == 3
    time.sleep(0.3)
    blob.delete(retry=None)


def test_a_write_that_is_refused_for_its_condition_is_no_change(gcs, bucket):
    gcs.dials.object_writes_per_second = 0.001
    bucket.blob("k").upload_from_string(b"1", retry=None)
    for _ in range(3):
        with pytest.raises(PreconditionFailed):
            bucket.blob("k").upload_from_string(b"2", if_generation_match=0, retry=None)
