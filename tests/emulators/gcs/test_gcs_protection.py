"""What keeps objects from being deleted or overwritten, and what brings deleted ones back."""

from __future__ import annotations

import datetime
import time

import pytest
from google.api_core import exceptions
from google.cloud import storage

HOUR = datetime.timedelta(hours=1)


def made(client: storage.Client, name: str, **settings: object) -> storage.Bucket:
    bucket = client.bucket(name)
    for setting, value in settings.items():
        setattr(bucket, setting, value)
    return client.create_bucket(bucket)


def test_a_retention_policy_keeps_objects_until_their_time(client):
    bucket = made(client, "kept", retention_period=1)
    assert bucket.retention_policy_effective_time is not None
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    blob.reload()
    assert blob.retention_expiration_time == blob.time_created + datetime.timedelta(seconds=1)
    with pytest.raises(exceptions.Forbidden, match="retention policy"):
        blob.delete()
    with pytest.raises(exceptions.Forbidden, match="retention policy"):
        blob.upload_from_string("2")
    time.sleep(1.05)
    blob.upload_from_string("3")


def test_a_policy_that_is_taken_away_keeps_nothing(client):
    bucket = made(client, "freed", retention_period=3600)
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    bucket.retention_period = None
    bucket.patch()
    blob.delete()


def test_a_locked_policy_only_grows(client):
    bucket = made(client, "locked", retention_period=100)
    bucket.lock_retention_policy()
    bucket.reload()
    assert bucket.retention_policy_locked
    bucket.retention_period = 50
    with pytest.raises(exceptions.Forbidden, match="reduce"):
        bucket.patch()
    bucket.retention_period = 200
    bucket.patch()
    assert bucket.retention_policy_locked


def test_an_object_may_have_a_retention_of_its_own(client):
    bucket = client.create_bucket("own", enable_object_retention=True)
    bucket.reload()
    assert bucket.object_retention_mode == "Enabled"
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    blob.retention.mode = "Unlocked"
    blob.retention.retain_until_time = datetime.datetime.now(datetime.UTC) + HOUR
    blob.patch()
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    blob.retention.mode = blob.retention.retain_until_time = None
    with pytest.raises(exceptions.Forbidden):
        blob.patch()
    blob.patch(override_unlocked_retention=True)
    blob.delete()


def test_a_locked_retention_of_an_object_is_never_shortened(client):
    blob = client.create_bucket("own-locked", enable_object_retention=True).blob("a")
    blob.upload_from_string("1")
    blob.retention.mode = "Locked"
    blob.retention.retain_until_time = until = datetime.datetime.now(datetime.UTC) + HOUR
    blob.patch()
    blob.retention.retain_until_time = until - HOUR / 2
    with pytest.raises(exceptions.Forbidden):
        blob.patch(override_unlocked_retention=True)
    blob.retention.retain_until_time = until + HOUR
    blob.patch()


def test_objects_of_other_buckets_have_none(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    blob.retention.mode = "Unlocked"
    blob.retention.retain_until_time = datetime.datetime.now(datetime.UTC) + HOUR
    with pytest.raises(exceptions.BadRequest, match="not enabled"):
        blob.patch()


def test_a_bucket_may_hold_all_that_comes(client):
    blob = made(client, "held", default_event_based_hold=True).blob("a")
    blob.upload_from_string("1")
    assert blob.event_based_hold
    with pytest.raises(exceptions.Forbidden, match="Event-Based"):
        blob.delete()


def test_a_deleted_object_is_found_and_restored(client):
    bucket = client.create_bucket("soft")
    assert bucket.soft_delete_policy.retention_duration_seconds == 7 * 24 * 3600
    blob = bucket.blob("한글/a")
    blob.upload_from_string("1", content_type="text/x")
    generation = blob.generation
    blob.delete()
    assert not blob.exists()
    [found] = client.list_blobs(bucket, soft_deleted=True)
    assert (found.name, found.generation) == ("한글/a", generation)
    assert found.hard_delete_time - found.soft_delete_time == datetime.timedelta(days=7)
    assert bucket.get_blob("한글/a", generation=generation, soft_deleted=True).content_type == "text/x"
    restored = bucket.restore_blob("한글/a", generation=generation)
    assert restored.generation > generation
    assert restored.download_as_bytes() == b"1"
    with pytest.raises(exceptions.NotFound):
        bucket.restore_blob("한글/a", generation=1)


def test_what_was_overwritten_is_there_too_unless_the_bucket_says_no(client):
    bucket = client.create_bucket("soft")
    none = client.bucket("none")
    none.soft_delete_policy.retention_duration_seconds = 0
    none = client.create_bucket(none)
    for place in (bucket, none):
        place.blob("a").upload_from_string("1")
        place.blob("a").upload_from_string("2")
    assert len(list(client.list_blobs(bucket, soft_deleted=True))) == 1
    assert not list(client.list_blobs(none, soft_deleted=True))


def test_the_oldest_deleted_ones_are_forgotten_first(client, monkeypatch):
    monkeypatch.setattr("llm_convert.testing.emulators.gcs.soft_deleted.MOST_BYTES", 25)
    bucket = client.create_bucket("soft")
    for name in "abc":
        bucket.blob(name).upload_from_string("x" * 10)
        bucket.blob(name).delete()
    assert [found.name for found in client.list_blobs(bucket, soft_deleted=True)] == ["b", "c"]


def test_a_filter_of_a_listing_is_refused_and_not_passed_over(http, gcs):
    answer = http.get(f"{gcs.url}/storage/v1/b/hyper-lounge/o", params={"filter": 'contexts."k"="v"'})
    assert answer.status_code == 501
