from __future__ import annotations

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage


def test_calls_of_all_kinds_in_one_request(client, bucket, gcs):
    for name in ("a", "한 글/#?", "c"):
        bucket.blob(name).upload_from_string(b"1")
    patched = bucket.blob("c")
    patched.metadata = {"키": "값"}
    with client.batch():
        bucket.delete_blob("a")
        bucket.delete_blob("한 글/#?")
        patched.patch()
    assert [(found.name, dict(found.metadata)) for found in gcs.objects(bucket.name)] == [("c", {"키": "값"})]
    assert patched.metageneration == 2


def test_one_that_fails_harms_no_other(client, bucket, gcs):
    bucket.blob("a").upload_from_string(b"1")
    batch = client.batch()
    client._push_batch(batch)
    bucket.delete_blob("absent")
    bucket.delete_blob("a")
    client._pop_batch()
    with pytest.raises(NotFound):
        batch.finish()
    assert gcs.objects(bucket.name) == ()


def test_errors_can_be_collected(client, bucket):
    bucket.blob("a").upload_from_string(b"1")
    with client.batch(raise_exception=False) as batch:
        bucket.delete_blob("a", if_generation_match=1)
        bucket.delete_blob("absent")
        bucket.delete_blob("a")
    assert [answer.status_code for answer in batch._responses] == [412, 404, 204]
    assert batch._responses[1].json()["error"]["errors"][0]["reason"] == "notFound"


def test_metadata_read_in_a_batch(client, bucket):
    bucket.blob("a").upload_from_string(b"12345")
    blob = bucket.blob("a")
    with client.batch():
        blob.reload()
    assert blob.size == 5


def test_deleting_many(client: storage.Client, bucket, gcs):
    blobs = [bucket.blob(f"k/{number}") for number in range(120)]
    for blob in blobs:
        blob.upload_from_string(b"")
    with client.batch():
        for blob in blobs:
            bucket.delete_blob(blob.name)
    assert gcs.objects(bucket.name) == ()


@pytest.mark.parametrize(
    "inner",
    [
        "no request",
        "GET /storage/v1/b/x/o/y?alt=media HTTP/1.1\r\n\r\n",
        "POST /upload/storage/v1/b/x/o HTTP/1.1\r\n\r\n",
    ],
)
def test_what_no_batch_may_hold(http, gcs, inner):
    body = f"--x\r\nContent-Type: application/http\r\n\r\n{inner}\r\n--x--"
    headers = {"Content-Type": "multipart/mixed; boundary=x"}
    assert http.post(f"{gcs.url}/batch/storage/v1", data=body, headers=headers).status_code == 400


def test_a_batch_that_cannot_be_read_does_nothing(http, gcs, bucket):
    bucket.blob("k").upload_from_string(b"1")
    part = "--x\r\nContent-Type: application/http\r\n\r\n"
    body = f"{part}DELETE /storage/v1/b/{bucket.name}/o/k HTTP/1.1\r\n\r\n\r\n{part}nonsense\r\n--x--"
    headers = {"Content-Type": "multipart/mixed; boundary=x"}
    assert http.post(f"{gcs.url}/batch/storage/v1", data=body, headers=headers).status_code == 400
    assert bucket.blob("k").exists()


def test_a_batch_that_is_none(http, gcs):
    assert http.post(f"{gcs.url}/batch/storage/v1", json={}).status_code == 400


def test_content_ids_are_answered(http, gcs, bucket):
    body = (
        "--x\r\nContent-Type: application/http\r\nContent-ID: <b29+1>\r\n\r\n"
        f"GET /storage/v1/b/{bucket.name} HTTP/1.1\r\n\r\n\r\n--x--"
    )
    answer = http.post(
        f"{gcs.url}/batch/storage/v1", data=body, headers={"Content-Type": "multipart/mixed; boundary=x"}
    )
    assert "Content-ID: <response-b29+1>" in answer.text
    assert "HTTP/1.1 200 OK" in answer.text
