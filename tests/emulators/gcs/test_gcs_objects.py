from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import BadRequest, Forbidden, NotFound

ODD_NAMES = [
    "(주)한빛_주간 손익 보고서 (25.11.1주차).xlsx",
    "a b+c%20d&e=f.csv",
    "100%.txt",
    "#1 question?.txt",
    "a?generation=1#x",
    "quote'\"back\\slash",
    "[bracket]*star",
    "a/../b/./c",
    "...",
    "..a",
    "/leading/slash",
    "a//b///",
    "trailing space ",
    " leading",
    "emoji-📊",
    "🇰🇷/深い/場所/é",
    "%2F%25",
    "tab\there",
    "o",
    "b/x/o/y",
    "compose",
    "~tilde",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_kept_as_given_by_every_verb(gcs, bucket, client, name):
    blob = bucket.blob(name)
    blob.upload_from_string(name.encode(), content_type="text/plain")
    assert [found.name for found in gcs.objects(bucket.name)] == [name]
    assert bucket.blob(name).download_as_bytes() == name.encode()
    assert bucket.get_blob(name).name == name
    blob.metadata = {"k": "v"}
    blob.patch()
    assert [found.name for found in client.list_blobs(bucket, prefix=name)] == [name]
    copied = bucket.copy_blob(blob, bucket, f"copy of {name}")
    assert copied.name == f"copy of {name}"
    fresh = bucket.blob(f"again {name}")
    fresh.rewrite(blob)
    assert bucket.blob(f"again {name}").exists()
    resumable = bucket.blob(name, chunk_size=256 * 1024)
    with resumable.open("wb") as stream:
        stream.write(b"streamed")
    assert bucket.blob(name).download_as_bytes() == b"streamed"
    bucket.delete_blob(name)
    assert not bucket.blob(name).exists()


def test_unicode_forms_are_two_objects(bucket, gcs):
    composed, decomposed = (unicodedata.normalize(form, "손익.xlsx") for form in ("NFC", "NFD"))
    bucket.blob(composed).upload_from_string(b"NFC")
    bucket.blob(decomposed).upload_from_string(b"NFD")
    assert bucket.blob(composed).download_as_bytes() == b"NFC"
    assert bucket.blob(decomposed).download_as_bytes() == b"NFD"
    assert len(gcs.objects(bucket.name)) == 2


@pytest.mark.parametrize("name", ["a" * 1024, "가" * 341 + "a"])
def test_the_longest_name(bucket, name):
    bucket.blob(name).upload_from_string(b"1")
    assert bucket.blob(name).exists()


@pytest.mark.parametrize("name", ["a" * 1025, "가" * 342, "a\nb", "a\rb", ".", "..", ".well-known/acme-challenge/x"])
def test_names_that_no_object_may_have(gcs, bucket, name):
    for blob in (bucket.blob(name), bucket.blob(name, chunk_size=256 * 1024)):
        with pytest.raises(BadRequest):
            blob.upload_from_string(b"1")
    assert gcs.objects(bucket.name) == ()


def test_an_empty_name_is_refused(http, gcs, bucket):
    for kind in ("media", "resumable"):
        answer = http.post(f"{gcs.url}/upload/storage/v1/b/{bucket.name}/o?uploadType={kind}&name=", data=b"{}")
        assert answer.status_code == 400
        assert answer.json()["error"]["errors"][0]["reason"] == "required"


def test_metadata_of_all_kinds(bucket):
    blob = bucket.blob("k")
    blob.cache_control = "public, max-age=60"
    blob.content_disposition = "attachment; filename*=UTF-8''%EC%86%90.xlsx"
    blob.content_language = "ko"
    blob.custom_time = datetime(2025, 11, 7, 14, tzinfo=UTC)
    blob.metadata = {"테넌트": "한빛", "bsda": "20251107140000"}
    blob.storage_class = "NEARLINE"
    blob.upload_from_string(b"12345", content_type="application/vnd.ms-excel")
    got = bucket.get_blob("k")
    assert got.cache_control == "public, max-age=60"
    assert got.content_disposition == "attachment; filename*=UTF-8''%EC%86%90.xlsx"
    assert (got.content_language, got.content_type) == ("ko", "application/vnd.ms-excel")
    assert got.custom_time == datetime(2025, 11, 7, 14, tzinfo=UTC)
    assert got.metadata == {"테넌트": "한빛", "bsda": "20251107140000"}
    assert (got.storage_class, got.size, got.metageneration) == ("NEARLINE", 5, 1)
    assert got.md5_hash == "gnzLDuqKcGxMNKFokfhOew=="
    assert got.id == f"{bucket.name}/k/{got.generation}"
    assert abs(got.time_created - datetime.now(UTC)) < timedelta(seconds=60)
    assert got.updated == got.time_created


def test_known_checksums(bucket):
    blob = bucket.blob("k")
    blob.upload_from_string(b"123456789")
    # The check value of CRC-32C is 0xE3069283.
    assert blob.crc32c == "4waSgw=="
    assert blob.md5_hash == "JfnnlDI7RTiF9RgfG2JNCw=="


def test_generations_look_like_microseconds_and_rise(bucket):
    seen = []
    for _ in range(50):
        blob = bucket.blob("k")
        blob.upload_from_string(b"same")
        seen.append(blob.generation)
    assert seen == sorted(set(seen))
    assert all(len(str(generation)) == 16 for generation in seen)


def test_patch_keeps_and_update_drops(bucket):
    blob = bucket.blob("k")
    blob.cache_control = "no-store"
    blob.metadata = {"a": "1", "b": "2"}
    blob.upload_from_string(b"1", content_type="text/csv")
    generation, etag = blob.generation, blob.etag
    blob.metadata = {"a": None, "c": "3"}
    blob.patch()
    got = bucket.get_blob("k")
    assert got.metadata == {"b": "2", "c": "3"}
    assert (got.cache_control, got.content_type, got.metageneration) == ("no-store", "text/csv", 2)
    assert got.generation == generation
    assert got.etag != etag
    assert got.updated >= got.time_created
    fresh = bucket.blob("k")
    fresh.content_type = "text/plain"
    fresh.update()
    got = bucket.get_blob("k")
    assert (got.metadata, got.cache_control, got.content_type, got.metageneration) == (None, None, "text/plain", 3)
    assert got.download_as_bytes() == b"1"


def test_metadata_is_no_place_for_documents(bucket):
    blob = bucket.blob("k")
    blob.metadata = {"a": "x" * 9000}
    with pytest.raises(BadRequest):
        blob.upload_from_string(b"1")


@pytest.mark.parametrize("body", [{"metadata": {"a": 1}}, {"customTime": "yesterday"}, {"temporaryHold": "yes"}, [1]])
def test_wrong_types_are_refused(http, gcs, bucket, body):
    bucket.blob("k").upload_from_string(b"1")
    answer = http.patch(f"{gcs.url}/storage/v1/b/{bucket.name}/o/k", json=body)
    assert answer.status_code == 400


def test_a_custom_time_never_goes_back(bucket):
    blob = bucket.blob("k")
    blob.custom_time = datetime(2025, 1, 2, tzinfo=UTC)
    blob.upload_from_string(b"1")
    blob.custom_time = datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(BadRequest):
        blob.patch()
    blob.custom_time = None
    with pytest.raises(BadRequest):
        blob.patch()
    blob.custom_time = datetime(2025, 1, 3, tzinfo=UTC)
    blob.patch()
    assert bucket.get_blob("k").custom_time == datetime(2025, 1, 3, tzinfo=UTC)


def test_a_held_object_stays(bucket):
    blob = bucket.blob("k")
    blob.upload_from_string(b"1")
    blob.temporary_hold = True
    blob.patch()
    for attempt in (blob.delete, lambda: bucket.blob("k").upload_from_string(b"2")):
        with pytest.raises(Forbidden) as caught:
            attempt()
        assert "active Temporary hold" in str(caught.value)
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


def test_absent_objects(bucket):
    assert bucket.get_blob("absent") is None
    with pytest.raises(NotFound) as caught:
        bucket.delete_blob("absent")
    assert caught.value.errors[0]["reason"] == "notFound"
    assert caught.value.message.endswith(f"No such object: {bucket.name}/absent")
    for attempt in (
        bucket.blob("absent").reload,
        bucket.blob("absent").download_as_bytes,
        bucket.blob("absent").patch,
        lambda: bucket.copy_blob(bucket.blob("absent"), bucket, "k"),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_named_generations(bucket, versioned):
    for one, kept in ((bucket, False), (versioned, True)):
        first = one.blob("k")
        first.upload_from_string(b"first")
        old = first.generation
        one.blob("k").upload_from_string(b"second")
        addressed = one.blob("k", generation=old)
        if kept:
            assert addressed.download_as_bytes() == b"first"
            assert addressed.exists()
        else:
            with pytest.raises(NotFound):
                addressed.download_as_bytes()
        assert one.blob("k").download_as_bytes() == b"second"


def test_versions_are_kept_restored_and_deleted_for_good(versioned, client):
    blob = versioned.blob("k")
    generations = []
    for data in (b"1", b"2"):
        blob = versioned.blob("k")
        blob.upload_from_string(data)
        generations.append(blob.generation)
    versioned.blob("k").delete()
    assert not versioned.blob("k").exists()
    assert list(client.list_blobs(versioned)) == []
    found = list(client.list_blobs(versioned, versions=True))
    assert [version.generation for version in found] == generations
    assert all(version.time_deleted is not None for version in found)
    versioned.copy_blob(versioned.blob("k"), versioned, "k", source_generation=generations[0])
    assert versioned.blob("k").download_as_bytes() == b"1"
    versioned.delete_blob("k", generation=generations[1])
    versioned.delete_blob("k", generation=generations[0])
    assert len(list(client.list_blobs(versioned, versions=True))) == 1


def test_metadata_of_a_noncurrent_version_can_be_changed(versioned):
    old = versioned.blob("k")
    old.upload_from_string(b"1")
    versioned.blob("k").upload_from_string(b"2")
    addressed = versioned.blob("k", generation=old.generation)
    addressed.metadata = {"a": "1"}
    addressed.patch()
    assert versioned.get_blob("k", generation=old.generation).metadata == {"a": "1"}
    assert versioned.get_blob("k").metadata is None


def test_errors_have_googles_form(http, gcs, bucket):
    answer = http.get(f"{gcs.url}/storage/v1/b/{bucket.name}/o/absent")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/json")
    said = f"No such object: {bucket.name}/absent"
    assert answer.json() == {
        "error": {
            "code": 404,
            "message": said,
            "errors": [{"message": said, "domain": "global", "reason": "notFound"}],
        }
    }
    assert http.get(f"{gcs.url}/storage/v1/nothing").json()["error"]["code"] == 404


def test_resources_have_the_documented_fields(http, gcs, bucket):
    bucket.blob("가/나").upload_from_string(b"1")
    shown = http.get(f"{gcs.url}/storage/v1/b/{bucket.name}/o/{'%EA%B0%80%2F%EB%82%98'}").json()
    assert shown["kind"] == "storage#object"
    assert isinstance(shown["size"], str) and isinstance(shown["generation"], str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["timeCreated"])
    assert http.get(shown["mediaLink"]).content == b"1"
    assert http.get(shown["selfLink"]).json() == shown


def test_partial_answers(http, gcs, bucket, client):
    blob = bucket.blob("k")
    blob.metadata = {"a": "1", "b": "2"}
    blob.upload_from_string(b"1")
    url = f"{gcs.url}/storage/v1/b/{bucket.name}/o"
    assert http.get(f"{url}?fields=items(name,metadata/a)").json() == {"items": [{"name": "k", "metadata": {"a": "1"}}]}
    assert http.get(f"{url}/k?fields=size").json() == {"size": "1"}
    assert http.get(f"{url}?fields=items(name").status_code == 400
    (found,) = client.list_blobs(bucket, fields="items(name,size),nextPageToken")
    assert (found.size, found.updated) == (1, None)
