from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, NotFound

MEBIBYTE = 1 << 20


@pytest.fixture
def source(bucket):
    blob = bucket.blob("원본/a b.txt")
    blob.metadata = {"a": "1"}
    blob.cache_control = "no-store"
    blob.upload_from_string(b"source", content_type="text/plain")
    return blob


def test_a_copy_has_bytes_and_metadata(gcs, client, bucket, source):
    gcs.create_bucket("other")
    copy = bucket.copy_blob(source, client.bucket("other"), "사본/b")
    got = client.bucket("other").get_blob("사본/b")
    assert (got.download_as_bytes(), got.metadata, got.content_type) == (b"source", {"a": "1"}, "text/plain")
    assert (got.cache_control, got.metageneration) == ("no-store", 1)
    assert copy.generation == got.generation != source.generation
    assert (got.md5_hash, got.crc32c) == (source.md5_hash, source.crc32c)


def test_a_rewrite_can_change_class_and_metadata(bucket, source):
    target = bucket.blob("target")
    target.metadata = {"b": "2"}
    target.storage_class = "COLDLINE"
    token, written, total = target.rewrite(source)
    assert (token, written, total) == (None, 6, 6)
    got = bucket.get_blob("target")
    assert (got.storage_class, got.content_type) == ("COLDLINE", "text/plain")
    assert got.metadata["b"] == "2"


def test_update_storage_class(bucket, source):
    before = source.generation
    source.update_storage_class("NEARLINE")
    got = bucket.get_blob(source.name)
    assert (got.storage_class, got.metadata, got.download_as_bytes()) == ("NEARLINE", {"a": "1"}, b"source")
    assert got.generation > before


def test_rewrites_in_steps(http, gcs, bucket):
    data = b"x" * (2 * MEBIBYTE + 1)
    bucket.blob("large").upload_from_string(data)
    url = f"{gcs.url}/storage/v1/b/{bucket.name}/o/large/rewriteTo/b/{bucket.name}/o/copy"
    token, steps = "", []
    while True:
        answer = http.post(f"{url}?maxBytesRewrittenPerCall={MEBIBYTE}&rewriteToken={token}").json()
        steps.append((answer["totalBytesRewritten"], answer["done"]))
        if answer["done"]:
            break
        assert not bucket.blob("copy").exists()
        token = answer["rewriteToken"]
    assert steps == [(str(MEBIBYTE), False), (str(2 * MEBIBYTE), False), (str(len(data)), True)]
    assert answer["resource"]["size"] == str(len(data))
    assert bucket.blob("copy").download_as_bytes() == data
    assert http.post(f"{url}?rewriteToken=unknown").status_code == 400
    assert http.post(f"{url}?maxBytesRewrittenPerCall=5").status_code == 400


def test_composing(bucket):
    parts = [bucket.blob(f"part-{number}") for number in range(3)]
    for number, part in enumerate(parts):
        part.upload_from_string(f"{number}" * 3)
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.metadata = {"a": "1"}
    whole.compose(parts)
    got = bucket.get_blob("whole")
    assert got.download_as_bytes() == b"000111222"
    assert (got.component_count, got.md5_hash, got.content_type, got.metadata) == (3, None, "text/plain", {"a": "1"})
    again = bucket.blob("again")
    again.compose([whole, parts[0]])
    assert again.component_count == 4
    whole.compose([whole, whole])
    assert bucket.blob("whole").download_as_bytes() == b"000111222" * 2


def test_what_cannot_be_composed(bucket):
    bucket.blob("a").upload_from_string(b"1")
    with pytest.raises(BadRequest, match="exceeds the maximum"):
        bucket.blob("all").compose([bucket.blob("a")] * 33)
    with pytest.raises(BadRequest):
        bucket.blob("all").compose([])
    with pytest.raises(NotFound):
        bucket.blob("all").compose([bucket.blob("a"), bucket.blob("absent")])
    bucket.blob("all").compose([bucket.blob("a")] * 32)
    assert bucket.blob("all").download_as_bytes() == b"1" * 32


def test_renaming_and_moving(bucket, gcs, source):
    renamed = bucket.rename_blob(source, "renamed")
    assert [found.name for found in gcs.objects(bucket.name)] == ["renamed"]
    moved = bucket.move_blob(renamed, "옮긴 것/x")
    assert moved.generation > renamed.generation
    (only,) = gcs.objects(bucket.name)
    assert (only.name, only.data, only.metadata, only.content_type) == (
        "옮긴 것/x",
        b"source",
        {"a": "1"},
        "text/plain",
    )
    with pytest.raises(BadRequest):
        bucket.move_blob(bucket.blob("옮긴 것/x"), "옮긴 것/x")


def test_composing_can_consume_its_sources(http, gcs, bucket):
    for name in ("a", "b"):
        bucket.blob(name).upload_from_string(name)
    url = f"{gcs.url}/storage/v1/b/{bucket.name}/o/a/compose?deleteSourceObjects=true"
    assert http.post(url, json={"sourceObjects": [{"name": "a"}, {"name": "b"}, {"name": "b"}]}).status_code == 200
    assert [(found.name, found.data) for found in gcs.objects(bucket.name)] == [("a", b"abb")]
