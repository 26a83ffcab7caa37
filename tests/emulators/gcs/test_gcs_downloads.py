from __future__ import annotations

import gzip
import io

import pytest
from google.api_core.exceptions import RequestRangeNotSatisfiable

DATA = bytes(range(256))


@pytest.fixture
def media_url(gcs, bucket):
    blob = bucket.blob("k")
    blob.upload_from_string(DATA, content_type="application/x-bytes")
    return f"{gcs.url}/storage/v1/b/{bucket.name}/o/k?alt=media"


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=250-", (250, 256)),
        ("bytes=-6", (250, 256)),
        ("bytes=-999", (0, 256)),
        ("bytes=0-999", (0, 256)),
        ("bytes=255-255", (255, 256)),
    ],
)
def test_ranges(http, media_url, asked, span):
    answer = http.get(media_url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == DATA[slice(*span)]
    assert answer.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/256"


@pytest.mark.parametrize("asked", ["bytes=256-", "bytes=300-400", "bytes=-0"])
def test_ranges_beyond_the_end(http, media_url, asked):
    answer = http.get(media_url, headers={"Range": asked})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */256")


@pytest.mark.parametrize("asked", ["bytes=a-b", "bytes=9-3", "items=0-1", "bytes=-", "bytes=0-1,4-5"])
def test_ranges_that_cannot_be_read_are_passed_over(http, media_url, asked):
    answer = http.get(media_url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_ranges_by_the_client(bucket, media_url):
    blob = bucket.blob("k")
    assert blob.download_as_bytes(start=3, end=5) == DATA[3:6]
    assert blob.download_as_bytes(start=250) == DATA[250:]
    assert blob.download_as_bytes(end=3) == DATA[:4]
    assert blob.download_as_bytes(start=-4) == DATA[-4:]
    with pytest.raises(RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=256)
    with bucket.blob("k").open("rb", chunk_size=100) as stream:
        stream.seek(99)
        assert stream.read(3) == DATA[99:102]
        assert stream.read() == DATA[102:]


def test_pieces(bucket):
    data = DATA * 4096
    bucket.blob("large").upload_from_string(data)
    target = io.BytesIO()
    bucket.blob("large", chunk_size=256 * 1024).download_to_file(target)
    assert target.getvalue() == data


def test_nothing_at_all(bucket):
    bucket.blob("empty").upload_from_string(b"")
    assert bucket.blob("empty").download_as_bytes() == b""
    target = io.BytesIO()
    bucket.blob("empty", chunk_size=256 * 1024).download_to_file(target)
    assert target.getvalue() == b""


def test_headers_tell_what_was_sent(http, media_url, bucket):
    answer = http.get(media_url)
    blob = bucket.get_blob("k")
    assert answer.headers["X-Goog-Hash"] == f"crc32c={blob.crc32c},md5={blob.md5_hash}"
    assert answer.headers["X-Goog-Generation"] == str(blob.generation)
    assert answer.headers["X-Goog-Metageneration"] == "1"
    assert answer.headers["X-Goog-Stored-Content-Length"] == "256"
    assert answer.headers["X-Goog-Storage-Class"] == "STANDARD"
    assert answer.headers["Content-Type"] == "application/x-bytes"
    assert answer.headers["ETag"] == blob.etag


def test_corruption_would_be_seen(bucket, media_url):
    assert bucket.blob("k").download_as_bytes(checksum="md5") == DATA
    assert bucket.blob("k").download_as_bytes(checksum="crc32c") == DATA


def test_what_is_stored_zipped_is_kept_so(bucket, http, gcs):
    zipped = gzip.compress(b"text " * 100)
    blob = bucket.blob("k")
    blob.content_encoding = "gzip"
    blob.upload_from_string(zipped, content_type="text/plain")
    assert blob.size == len(zipped)
    assert bucket.blob("k").download_as_bytes(raw_download=True) == zipped
    assert bucket.blob("k").download_as_bytes() == b"text " * 100
    url = f"{gcs.url}/download/storage/v1/b/{bucket.name}/o/k?alt=media"
    plain = http.get(url, headers={"Accept-Encoding": "identity", "Range": "bytes=0-3"})
    assert (plain.status_code, plain.content) == (200, b"text " * 100)
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["X-Goog-Stored-Content-Encoding"] == "gzip"
    assert plain.headers["X-Goog-Stored-Content-Length"] == str(len(zipped))


def test_no_transform_forbids_unzipping(bucket, http, gcs):
    zipped = gzip.compress(b"text")
    blob = bucket.blob("k")
    blob.content_encoding, blob.cache_control = "gzip", "no-transform"
    blob.upload_from_string(zipped)
    url = f"{gcs.url}/download/storage/v1/b/{bucket.name}/o/k?alt=media"
    with http.get(url, headers={"Accept-Encoding": "identity"}, stream=True) as answer:
        assert answer.raw.read(decode_content=False) == zipped


def test_an_absent_object_is_told_in_plain_text(http, gcs, bucket):
    answer = http.get(f"{gcs.url}/download/storage/v1/b/{bucket.name}/o/absent?alt=media")
    assert (answer.status_code, answer.text) == (404, f"No such object: {bucket.name}/absent")


def test_korean_in_headers(bucket, client):
    blob = bucket.blob("k")
    blob.content_disposition = 'attachment; filename="손익.xlsx"'
    blob.upload_from_string(b"1")
    assert bucket.blob("k").download_as_bytes() == b"1"
