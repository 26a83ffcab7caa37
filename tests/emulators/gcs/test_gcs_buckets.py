from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.api_core.iam import Policy


def test_a_created_bucket_has_what_was_asked_for(client):
    bucket = client.bucket("landing-asia")
    bucket.labels = {"tenant": "c8cd3500"}
    bucket.storage_class = "NEARLINE"
    bucket.versioning_enabled = True
    created = client.create_bucket(bucket, location="asia-northeast1")
    assert (created.location, created.location_type) == ("ASIA-NORTHEAST1", "region")
    got = client.get_bucket("landing-asia")
    assert (got.labels, got.storage_class, got.versioning_enabled) == ({"tenant": "c8cd3500"}, "NEARLINE", True)
    assert (got.metageneration, got.id) == (1, "landing-asia")
    assert got.time_created.utcoffset().total_seconds() == 0
    assert got.etag == created.etag


def test_a_bucket_is_by_default_in_the_united_states(client):
    created = client.create_bucket("plain")
    assert (created.location, created.location_type, created.storage_class) == ("US", "multi-region", "STANDARD")
    assert created.iam_configuration.uniform_bucket_level_access_enabled is False


def test_a_name_is_taken_once(client, bucket):
    with pytest.raises(Conflict) as caught:
        client.create_bucket(bucket.name)
    assert caught.value.errors[0]["reason"] == "conflict"


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Upper", "under_", "-dash", "goog-x", "my-google", "192.168.5.4", "a..b", "한글", "a b"]
)
def test_names_that_no_bucket_may_have(http, gcs, name):
    answer = http.post(f"{gcs.url}/storage/v1/b?project=p", json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == "invalid"


@pytest.mark.parametrize("name", ["abc", "a_b-c.d", "0digits0", ("a" * 63 + ".") * 2 + "com"])
def test_names_that_buckets_may_have(client, name):
    client.create_bucket(name)
    assert client.bucket(name).exists()


def test_what_is_absent_is_not_found(client):
    assert client.lookup_bucket("absent") is None
    assert not client.bucket("absent").exists()
    with pytest.raises(NotFound) as caught:
        client.get_bucket("absent")
    assert caught.value.errors == [
        {"message": "The specified bucket does not exist.", "domain": "global", "reason": "notFound"}
    ]
    for attempt in (
        lambda: client.bucket("absent").delete(),
        lambda: list(client.list_blobs("absent")),
        lambda: client.bucket("absent").blob("k").upload_from_string(b""),
        lambda: client.bucket("absent").blob("k").download_as_bytes(),
        lambda: client.bucket("absent").get_iam_policy(),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_listing_pages_through_all(client, gcs):
    names = [f"many-{number:02d}" for number in range(7)]
    for name in reversed(names):
        gcs.create_bucket(name)
    assert [found.name for found in client.list_buckets(prefix="many-", page_size=3)] == names
    pages = [len(list(page)) for page in client.list_buckets(prefix="many-", page_size=3).pages]
    assert pages == [3, 3, 1]
    assert [found.name for found in client.list_buckets(max_results=2, prefix="many-")] == names[:2]


def test_a_project_is_needed(http, gcs):
    for answer in (http.get(f"{gcs.url}/storage/v1/b"), http.post(f"{gcs.url}/storage/v1/b", json={"name": "abc"})):
        assert answer.status_code == 400
        assert answer.json()["error"]["errors"][0]["reason"] == "required"


def test_labels_are_patched_one_by_one(client, bucket):
    bucket.reload()
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    del bucket.labels["a"]
    labels = bucket.labels
    labels["c"] = "3"
    labels.pop("a", None)
    bucket.labels = labels
    bucket.patch()
    assert client.get_bucket(bucket.name).labels == {"b": "2", "c": "3"}
    assert bucket.metageneration == 3


def test_update_drops_what_is_not_named(client, bucket):
    bucket.reload()
    bucket.labels = {"a": "1"}
    bucket.add_lifecycle_delete_rule(age=30)
    bucket.patch()
    assert [rule["action"]["type"] for rule in client.get_bucket(bucket.name).lifecycle_rules] == ["Delete"]
    fresh = client.bucket(bucket.name)
    fresh.update()
    got = client.get_bucket(bucket.name)
    assert (got.labels, list(got.lifecycle_rules), got.location) == ({}, [], "US")


def test_metageneration_conditions(client, bucket):
    bucket.reload()
    bucket.labels = {"a": "1"}
    with pytest.raises(PreconditionFailed):
        bucket.patch(if_metageneration_match=7)
    bucket.patch(if_metageneration_match=1)
    with pytest.raises(PreconditionFailed):
        client.get_bucket(bucket.name, if_metageneration_match=1)
    with pytest.raises(PreconditionFailed):
        bucket.delete(if_metageneration_match=1)
    bucket.delete(if_metageneration_match=2)
    assert not bucket.exists()


def test_only_an_empty_bucket_is_deleted(client, bucket, versioned):
    for one in (bucket, versioned):
        one.blob("k").upload_from_string(b"1")
        with pytest.raises(Conflict):
            one.delete()
    bucket.blob("k").delete()
    bucket.delete()
    versioned.blob("k").delete()
    with pytest.raises(Conflict):
        versioned.delete()
    versioned.delete(force=True)
    assert list(client.list_buckets()) == []


def test_a_location_is_for_good(http, gcs, bucket):
    answer = http.patch(f"{gcs.url}/storage/v1/b/{bucket.name}", json={"location": "EU"})
    assert answer.status_code == 400


def test_only_known_classes(http, gcs):
    answer = http.post(f"{gcs.url}/storage/v1/b?project=p", json={"name": "classy", "storageClass": "GOLD"})
    assert answer.status_code == 400


def test_policies_are_read_changed_and_guarded(bucket):
    policy = bucket.get_iam_policy(requested_policy_version=3)
    assert list(policy.bindings) == []
    stale = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectUser", "members": {"serviceAccount:job@p.iam"}})
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy()["roles/storage.objectUser"] == {"serviceAccount:job@p.iam"}
    with pytest.raises(PreconditionFailed):
        bucket.set_iam_policy(stale)
    bucket.set_iam_policy(Policy())
    assert list(bucket.get_iam_policy().bindings) == []


def test_permissions_are_tested(gcs, bucket):
    asked = ["storage.buckets.get", "storage.objects.create"]
    assert bucket.test_iam_permissions(asked) == asked
    gcs.dials.missing_permissions = {"storage.objects.create"}
    assert bucket.test_iam_permissions(asked) == ["storage.buckets.get"]
    assert bucket.test_iam_permissions(["storage.objects.create"]) == []
    with pytest.raises(BadRequest):
        bucket.test_iam_permissions(["run.jobs.run"])


def test_the_service_account_has_an_address(client):
    assert client.get_service_account_email().endswith(".iam.gserviceaccount.com")
