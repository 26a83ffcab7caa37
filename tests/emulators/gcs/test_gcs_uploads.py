from __future__ import annotations

import base64
import gzip
import io
import os

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud.storage import transfer_manager
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.gcs.digests import crc32c_in_python
from llm_convert.testing.emulators.gcs.uploads import parts_of

CHUNK = 256 * 1024


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


@pytest.fixture
def upload_url(gcs, bucket):
    return f"{gcs.url}/upload/storage/v1/b/{bucket.name}/o"


@pytest.fixture
def session(http, upload_url):
    """Opens a resumable upload; its URL."""

    def start(name="k", query="", **more):
        answer = http.post(f"{upload_url}?uploadType=resumable&name={name}{query}", **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-GUploader-UploadID"] in answer.headers["Location"]
        return answer.headers["Location"]

    return start


def put(http, url, data=b"", span=None, **headers):
    return http.put(url, data=data, headers=({"Content-Range": f"bytes {span}"} if span else {}) | headers)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1_000_003])
def test_bytes_come_back_from_uploads_of_all_kinds(bucket, size):
    data = os.urandom(size)
    bucket.blob("multipart").upload_from_string(data)
    chunked = bucket.blob("chunked", chunk_size=CHUNK)
    chunked.upload_from_file(io.BytesIO(data), size=size)
    unsized = bucket.blob("unsized", chunk_size=CHUNK)
    with unsized.open("wb") as stream:
        stream.write(data)
    for name in ("multipart", "chunked", "unsized"):
        blob = bucket.get_blob(name)
        assert blob.download_as_bytes() == data
        assert (blob.size, blob.crc32c) == (size, crc32c(data))
        assert blob.component_count is None


def test_a_media_upload(http, upload_url, bucket):
    answer = http.post(
        f"{upload_url}?uploadType=media&name=%EA%B0%80%2F+b", data=b"a,b\n", headers={"Content-Type": "text/csv"}
    )
    assert answer.json()["name"] == "가/ b"
    blob = bucket.get_blob("가/ b")
    assert (blob.content_type, blob.download_as_bytes()) == ("text/csv", b"a,b\n")


def test_a_chunked_request_body(http, upload_url, bucket):
    answer = http.post(f"{upload_url}?uploadType=media&name=k", data=(piece for piece in [b"ab", b"c" * 70_000]))
    assert answer.status_code == 200
    assert bucket.blob("k").download_as_bytes() == b"ab" + b"c" * 70_000


def test_a_body_that_was_zipped_for_the_journey(http, upload_url, bucket):
    url = f"{upload_url}?uploadType=media&name=k"
    assert http.post(url, data=gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"}).status_code == 200
    blob = bucket.get_blob("k")
    assert (blob.content_encoding, blob.size, blob.download_as_bytes()) == (None, 5, b"plain")
    assert http.post(url, data=b"plain", headers={"Content-Encoding": "gzip"}).status_code == 400


@pytest.mark.parametrize("query", ["", "uploadType=resumable2&name=k"])
def test_the_kind_must_be_told(http, upload_url, query):
    assert http.post(f"{upload_url}?{query}", data=b"1").status_code == 400


def test_a_wrong_checksum_stores_nothing(bucket, gcs):
    for field, wrong in (("md5_hash", "gnzLDuqKcGxMNKFokfhOew=="), ("crc32c", "AAAAAA==")):
        blob = bucket.blob("k")
        setattr(blob, field, wrong)
        with pytest.raises(BadRequest, match="doesn't match calculated"):
            blob.upload_from_string(b"other", checksum=None)
        streamed = bucket.blob("k", chunk_size=CHUNK)
        setattr(streamed, field, wrong)
        with pytest.raises(BadRequest, match="doesn't match calculated"):
            streamed.upload_from_file(io.BytesIO(b"other"), checksum=None)
    assert gcs.objects(bucket.name) == ()


def test_a_right_checksum_is_taken(bucket):
    for checksum in ("md5", "crc32c"):
        bucket.blob("k").upload_from_string(b"1", checksum=checksum)
        bucket.blob("k", chunk_size=CHUNK).upload_from_file(io.BytesIO(b"1"), checksum=checksum)


def test_a_wrong_checksum_in_the_last_piece(http, session, bucket):
    url = session()
    assert put(http, url, b"1", "0-0/1", **{"X-Goog-Hash": "crc32c=AAAAAA=="}).status_code == 400
    assert not bucket.blob("k").exists()


def test_pieces_status_and_end(http, session, bucket):
    url, data = session(), os.urandom(2 * CHUNK + 5)
    asked = put(http, url, span="*/*")
    assert (asked.status_code, asked.headers.get("Range"), asked.content) == (308, None, b"")
    first = put(http, url, data[:CHUNK], f"0-{CHUNK - 1}/*")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    second = put(http, url, data[CHUNK : 2 * CHUNK], f"{CHUNK}-{2 * CHUNK - 1}/{len(data)}")
    assert second.headers["Range"] == f"bytes=0-{2 * CHUNK - 1}"
    assert not bucket.blob("k").exists()
    assert put(http, url, span=f"*/{len(data)}").headers["Range"] == f"bytes=0-{2 * CHUNK - 1}"
    last = put(http, url, data[2 * CHUNK :], f"{2 * CHUNK}-{len(data) - 1}/{len(data)}")
    assert (last.status_code, last.json()["size"]) == (200, str(len(data)))
    assert bucket.blob("k").download_as_bytes() == data
    # Whoever lost the last answer asks again, and nothing is written twice.
    for span in ("*/*", f"*/{len(data)}"):
        assert put(http, url, span=span).json()["generation"] == last.json()["generation"]
    assert bucket.get_blob("k").generation == int(last.json()["generation"])


def test_one_put_without_a_range_is_all(http, session, bucket):
    assert put(http, session(), b"whole").status_code == 200
    assert bucket.blob("k").download_as_bytes() == b"whole"


def test_what_is_known_to_be_there_is_passed_over(http, session, bucket):
    url, data = session(), os.urandom(2 * CHUNK)
    put(http, url, data[:CHUNK], f"0-{CHUNK - 1}/*")
    again = put(http, url, b"\0" * CHUNK, f"0-{CHUNK - 1}/*")
    assert (again.status_code, again.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert put(http, url, data, f"0-{2 * CHUNK - 1}/{2 * CHUNK}").status_code == 200
    assert bucket.blob("k").download_as_bytes() == data


def test_a_gap_is_refused_and_harms_nothing(http, session):
    url = session()
    refused = put(http, url, b"x" * CHUNK, f"{CHUNK}-{2 * CHUNK - 1}/*")
    assert refused.status_code == 503
    assert "exceeds already uploaded size of 0 byte(s)" in refused.text
    assert put(http, url, b"y").status_code == 200


def test_pieces_are_kept_by_quarter_mebibytes(http, session):
    url = session()
    assert put(http, url, b"x" * (CHUNK + 9), f"0-{CHUNK + 8}/*").headers["Range"] == f"bytes=0-{CHUNK - 1}"
    assert "Range" not in put(http, session("other"), b"x" * 9, "0-8/*").headers


@pytest.mark.parametrize("span", ["0-4/10", "0-9/5", "nonsense", "5-0/9", "0-1"])
def test_ranges_that_make_no_sense(http, session, span):
    assert put(http, session(), b"0123456789", span).status_code == 400


def test_an_announced_length_is_kept_to(http, session):
    url = session(headers={"X-Upload-Content-Length": "5"})
    assert put(http, url, b"123456", "0-5/6").status_code == 400
    assert put(http, url, b"12345", "0-4/5").status_code == 200


def test_clients_that_take_no_308(http, session):
    answer = put(http, session(), span="*/*", **{"X-GUploader-No-308": "yes"})
    assert (answer.status_code, answer.headers["X-HTTP-Status-Code-Override"]) == (200, "308")


def test_cancelled_uploads_are_gone(http, session, bucket):
    url = session()
    put(http, url, b"x" * CHUNK, f"0-{CHUNK - 1}/*")
    assert http.delete(url).status_code == 499
    assert put(http, url, span="*/*").status_code == 404
    assert put(http, url, b"1").status_code == 404
    assert http.delete(url).status_code == 404
    assert not bucket.blob("k").exists()


def test_conditions_are_held_when_the_upload_ends(http, session, bucket):
    created = session(query="&ifGenerationMatch=0")
    bucket.blob("k").upload_from_string(b"first")
    assert put(http, created, b"second").status_code == 412
    assert put(http, created, span="*/*").status_code == 412
    generation = bucket.get_blob("k").generation
    replacing = session(query=f"&ifGenerationMatch={generation}")
    assert put(http, replacing, b"third").status_code == 200
    assert bucket.blob("k").download_as_bytes() == b"third"


def test_a_session_of_the_clients_own(bucket, http):
    blob = bucket.blob("k")
    blob.metadata = {"a": "1"}
    url = blob.create_resumable_upload_session(content_type="text/csv", size=3, if_generation_match=0)
    assert put(http, url, b"a,b").status_code == 200
    got = bucket.get_blob("k")
    assert (got.content_type, got.metadata, got.size) == ("text/csv", {"a": "1"}, 3)


def test_resumable_uploads_are_conditional_too(bucket):
    bucket.blob("k").upload_from_string(b"1")
    with pytest.raises(PreconditionFailed):
        bucket.blob("k", chunk_size=CHUNK).upload_from_file(io.BytesIO(b"2"), if_generation_match=0)
    assert bucket.blob("k").download_as_bytes() == b"1"


def test_a_resumable_upload_to_nowhere(client):
    with pytest.raises(NotFound):
        client.bucket("absent").blob("k", chunk_size=CHUNK).upload_from_file(io.BytesIO(b"1"))


@pytest.mark.parametrize(
    "body", [b"", b"--x\r\n\r\n{}\r\n--x--", b"--x\r\n\r\n[]\r\n--x\r\n\r\n1\r\n--x--", b"nothing"]
)
def test_malformed_multipart_bodies(http, upload_url, body):
    headers = {"Content-Type": "multipart/related; boundary=x"}
    assert http.post(f"{upload_url}?uploadType=multipart&name=k", data=body, headers=headers).status_code == 400


@settings(max_examples=150, deadline=None)
@given(
    data=st.lists(st.sampled_from([b"\r\n", b"--", b"x", b"--x", b"\n", b"--y", b"\0", b"\r\n--x y", b"\xff"])).map(
        b"".join
    ),
    end=st.sampled_from(["\r\n", "\n"]),
)
def test_any_bytes_survive_a_multipart_body(data, end):
    # A boundary that is not in the data, as the sender must choose it.
    boundary = "=====frontier=="
    text = f'--{boundary}{end}content-type: application/json{end}{end}{{"name": "k"}}{end}--{boundary}{end}'
    body = f"{text}content-type: text/x{end}{end}".encode() + data + f"{end}--{boundary}--".encode()
    assert parts_of(body, f'multipart/related; boundary="{boundary}"') == ({"name": "k"}, "text/x", data)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_the_slow_checksum_is_the_fast_one(data):
    assert crc32c_in_python(data) == google_crc32c.value(data)


def test_an_upload_in_concurrent_parts(bucket, tmp_path):
    data = os.urandom(11 * 1024 * 1024)
    source = tmp_path / "large"
    source.write_bytes(data)
    blob = bucket.blob("큰 것/large.bin")
    transfer_manager.upload_chunks_concurrently(
        str(source), blob, chunk_size=5 * 1024 * 1024, worker_type=transfer_manager.THREAD
    )
    got = bucket.get_blob("큰 것/large.bin")
    assert (got.component_count, got.md5_hash, got.crc32c) == (3, None, crc32c(data))
    target = tmp_path / "back"
    transfer_manager.download_chunks_concurrently(
        got, str(target), chunk_size=4 * 1024 * 1024, worker_type=transfer_manager.THREAD
    )
    assert target.read_bytes() == data
