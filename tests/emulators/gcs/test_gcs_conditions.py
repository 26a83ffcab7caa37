"""Every verb under every precondition, by the service's table: a match that fails is 412, a difference 304."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.storage import Bucket

CHUNK = 256 * 1024


def media(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").upload_from_string(b"new", **conditions)


def resumable(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k", chunk_size=CHUNK).upload_from_file(io.BytesIO(b"new"), **conditions)


def patch(bucket: Bucket, **conditions: int) -> None:
    blob = bucket.blob("k")
    blob.metadata = {"a": "1"}
    blob.patch(**conditions)


def update(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").update(**conditions)


def delete(bucket: Bucket, **conditions: int) -> None:
    bucket.delete_blob("k", **conditions)


def rewrite(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").rewrite(bucket.blob("source"), **conditions)


def copy(bucket: Bucket, **conditions: int) -> None:
    bucket.copy_blob(bucket.blob("source"), bucket, "k", **conditions)


def compose(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").compose([bucket.blob("source")], **conditions)


def move(bucket: Bucket, **conditions: int) -> None:
    bucket.move_blob(bucket.blob("source"), "k", **conditions)


def reload(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").reload(**conditions)


def download(bucket: Bucket, **conditions: int) -> None:
    bucket.blob("k").download_as_bytes(**conditions)


ALL = [media, resumable, patch, update, delete, rewrite, copy, compose, move, reload, download]
WRITERS = [media, resumable, rewrite, copy, compose, move]
MATCHES_ALONE = {compose}
"""The client takes no NotMatch for these."""


def status_of(verb: Callable[..., None], bucket: Bucket, **conditions: int) -> int:
    try:
        verb(bucket, **conditions)
    except GoogleAPICallError as error:
        return int(error.code or 0)
    return 200


@pytest.fixture
def there(bucket):
    bucket.blob("source").upload_from_string(b"source")
    blob = bucket.blob("k")
    blob.upload_from_string(b"old")
    blob.metadata = {"z": "1"}
    blob.patch()
    return blob


@pytest.mark.parametrize("verb", ALL)
def test_matches(verb, bucket, there):
    before = bucket.get_blob("k")
    for conditions in (
        {"if_generation_match": there.generation + 1},
        {"if_generation_match": 0},
        {"if_metageneration_match": 1},
        {"if_generation_match": there.generation, "if_metageneration_match": 1},
    ):
        assert status_of(verb, bucket, **conditions) == 412
        assert bucket.get_blob("k").etag == before.etag
    assert status_of(verb, bucket, if_generation_match=there.generation, if_metageneration_match=2) == 200


@pytest.mark.parametrize("verb", [verb for verb in ALL if verb not in MATCHES_ALONE])
def test_differences(verb, bucket, there):
    before = bucket.get_blob("k")
    for conditions in ({"if_generation_not_match": there.generation}, {"if_metageneration_not_match": 2}):
        assert status_of(verb, bucket, **conditions) == 304
        assert bucket.get_blob("k").etag == before.etag
    assert status_of(verb, bucket, if_generation_not_match=1, if_metageneration_not_match=1) == 200


@pytest.mark.parametrize("verb", WRITERS)
def test_creating_alone(verb, bucket):
    bucket.blob("source").upload_from_string(b"source")
    assert status_of(verb, bucket, if_generation_match=5) == 412
    assert status_of(verb, bucket, if_metageneration_match=1) == 412
    if verb not in MATCHES_ALONE:
        assert status_of(verb, bucket, if_generation_not_match=0) == 304
        # "If no live object exists, the precondition fails."
        assert status_of(verb, bucket, if_generation_not_match=5) == 304
    assert not bucket.blob("k").exists()
    assert status_of(verb, bucket, if_generation_match=0) == 200
    bucket.blob("source").upload_from_string(b"source")
    assert status_of(verb, bucket, if_generation_match=0) == 412


@pytest.mark.parametrize("verb", [patch, update, delete, reload, download])
def test_what_is_absent_is_not_found_under_any_condition(verb, bucket):
    for conditions in ({}, {"if_generation_match": 5}, {"if_generation_match": 0}, {"if_metageneration_match": 1}):
        with pytest.raises(NotFound):
            verb(bucket, **conditions)


def test_a_deleted_name_is_free_again(bucket, versioned):
    for one in (bucket, versioned):
        one.blob("k").upload_from_string(b"1", if_generation_match=0)
        one.delete_blob("k")
        one.blob("k").upload_from_string(b"2", if_generation_match=0)
        assert one.blob("k").download_as_bytes() == b"2"


@pytest.mark.parametrize("verb", [rewrite, copy, move])
def test_conditions_on_the_source(verb, bucket, there):
    source = bucket.get_blob("source")
    for conditions in (
        {"if_source_generation_match": source.generation + 1},
        {"if_source_metageneration_match": 2},
    ):
        assert status_of(verb, bucket, **conditions) == 412
    for conditions in (
        {"if_source_generation_not_match": source.generation},
        {"if_source_metageneration_not_match": 1},
    ):
        assert status_of(verb, bucket, **conditions) == 304
    assert bucket.blob("k").download_as_bytes() == b"old"
    assert status_of(verb, bucket, if_source_generation_match=source.generation) == 200
    assert bucket.blob("k").download_as_bytes() == b"source"


def test_a_source_of_a_composition_that_changed(bucket, there):
    generation = there.generation
    target, sources = bucket.blob("all"), [bucket.blob("k")]
    with pytest.raises(GoogleAPICallError) as caught:
        target.compose(sources, if_source_generation_match=[generation + 1])
    assert caught.value.code == 412
    target.compose(sources, if_source_generation_match=[generation])
    assert target.download_as_bytes() == b"old"


def test_entity_tags(bucket, there):
    there.reload()
    tag = there.etag
    for verb in (reload, download):
        assert status_of(verb, bucket, if_etag_match=tag) == 200
        assert status_of(verb, bucket, if_etag_match="other") == 412
        assert status_of(verb, bucket, if_etag_not_match=tag) == 304
        assert status_of(verb, bucket, if_etag_not_match="other") == 200


def test_failed_conditions_say_so_in_googles_words(http, gcs, bucket, there):
    url = f"{gcs.url}/storage/v1/b/{bucket.name}/o/k"
    refused = http.get(f"{url}?ifGenerationMatch=1")
    assert refused.json()["error"]["errors"] == [
        {
            "message": "At least one of the pre-conditions you specified did not hold.",
            "domain": "global",
            "reason": "conditionNotMet",
            "locationType": "header",
            "location": "If-Match",
        }
    ]
    same = http.get(f"{url}?ifGenerationNotMatch={there.generation}")
    assert (same.status_code, same.content) == (304, b"")
    assert http.get(f"{url}?ifGenerationMatch=x").status_code == 400
