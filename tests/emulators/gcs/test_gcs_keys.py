"""Customers' keys, dates as conditions, HEAD, and the XML API beside objects."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
from google.api_core import exceptions

KEY, OTHER = b"0" * 32, b"1" * 32


def test_reading_needs_the_key_of_the_writer(bucket):
    bucket.blob("a", encryption_key=KEY).upload_from_string("secret")
    assert bucket.blob("a", encryption_key=KEY).download_as_bytes() == b"secret"
    for key, words in ((None, "is encrypted"), (OTHER, "incorrect")):
        with pytest.raises(exceptions.BadRequest, match=words):
            bucket.blob("a", encryption_key=key).download_as_bytes()
    bucket.blob("plain").upload_from_string("x")
    with pytest.raises(exceptions.BadRequest, match="not encrypted"):
        bucket.blob("plain", encryption_key=KEY).download_as_bytes()
    assert bucket.get_blob("a").crc32c is None


def test_a_copy_may_have_another_key(bucket):
    source = bucket.blob("a", encryption_key=KEY)
    source.upload_from_string("secret")
    target = bucket.blob("b", encryption_key=OTHER)
    target.rewrite(source)
    assert target.download_as_bytes() == b"secret"
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("c").rewrite(bucket.blob("a"))


def test_a_key_must_be_one(http, gcs):
    headers = {"x-goog-encryption-algorithm": "AES256", "x-goog-encryption-key": "AAAA"}
    url = f"{gcs.url}/upload/storage/v1/b/hyper-lounge/o?uploadType=media&name=a"
    assert http.post(url, data=b"1", headers=headers).status_code == 400
    assert not gcs.objects("hyper-lounge")


def test_managed_keys_are_named(client, bucket):
    name = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    blob = bucket.blob("a", kms_key_name=name)
    blob.upload_from_string("1")
    assert blob.kms_key_name == f"{name}/cryptoKeyVersions/1"
    other = client.bucket("managed")
    other.default_kms_key_name = name
    blob = client.create_bucket(other).blob("a")
    blob.upload_from_string("1")
    assert blob.kms_key_name == f"{name}/cryptoKeyVersions/1"


def test_dates_are_conditions(http, gcs, bucket):
    bucket.blob("a").upload_from_string("1")
    created = gcs.objects("hyper-lounge")[0].time_created
    later, sooner = (format_datetime(created.replace(year=created.year + n), usegmt=True) for n in (1, -1))
    url = f"{gcs.url}/hyper-lounge/a"
    assert http.get(url, headers={"If-Modified-Since": later}).status_code == 304
    assert http.get(url, headers={"If-Modified-Since": sooner}).status_code == 200
    assert http.get(url, headers={"If-Unmodified-Since": sooner}).status_code == 412
    assert http.get(url, headers={"If-Unmodified-Since": later}).status_code == 200
    assert http.get(url, headers={"If-Modified-Since": "no date"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["storage/v1/b/hyper-lounge/o/a?alt=media", "download/storage/v1/b/hyper-lounge/o/a?alt=media"]
)
def test_head_is_a_get_without_its_body(http, gcs, bucket, path):
    bucket.blob("a").upload_from_string("four")
    answer = http.head(f"{gcs.url}/{path}")
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "4", b"")


def test_what_the_xml_api_says_of_buckets(http, gcs):
    url = f"{gcs.url}/hyper-lounge"
    assert "<Name>hyper-lounge</Name>" in http.get(gcs.url).text
    assert ">US<" in http.get(f"{url}?location").text
    assert "Suspended" in http.get(f"{url}?versioning").text
    for part in ("acl", "lifecycle", "uploads"):
        answer = http.get(f"{url}?{part}")
        assert (answer.status_code, "NotImplemented" in answer.text) == (501, True), "never a listing of objects"


def test_parts_that_came_so_far(http, gcs):
    url = f"{gcs.url}/hyper-lounge/a"
    upload = http.post(f"{url}?uploads").text.partition("<UploadId>")[2].partition("<")[0]
    http.put(url, params={"uploadId": upload, "partNumber": "7"}, data=b"12345")
    listed = http.get(url, params={"uploadId": upload}).text
    assert "<PartNumber>7</PartNumber>" in listed
    assert "<Size>5</Size>" in listed


def test_contexts_tell_since_when(http, gcs, bucket):
    bucket.blob("a").upload_from_string("1")
    url = f"{gcs.url}/storage/v1/b/hyper-lounge/o/a"
    first = http.patch(url, json={"contexts": {"custom": {"k": {"value": "v"}}}}).json()["contexts"]["custom"]["k"]
    http.patch(url, json={"contexts": {"custom": {"l": {"value": "w"}}}})
    both = http.get(url).json()["contexts"]["custom"]
    assert both["k"] == first
    assert both["l"]["value"] == "w"
