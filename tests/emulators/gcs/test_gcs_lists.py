"""Access control lists, notification configurations, and what the service adds to a bucket by itself."""

from __future__ import annotations

import pytest
from google.api_core import exceptions


def test_an_objects_list(bucket):
    blob = bucket.blob("한글 a")
    blob.upload_from_string("1")
    before = len(list(blob.acl))
    blob.acl.user("a@example.com").grant_read()
    blob.acl.save()
    blob.acl.reload()
    assert {"entity": "user-a@example.com", "role": "READER"} in list(blob.acl)
    assert len(list(blob.acl)) == before + 1
    blob.make_public()
    assert {"entity": "allUsers", "role": "READER"} in list(blob.acl)
    blob.make_private()
    assert {"entity": "allUsers", "role": "READER"} not in list(blob.acl)


def test_predefined_lists(bucket, http, gcs):
    blob = bucket.blob("a")
    blob.upload_from_string("1", predefined_acl="publicRead")
    assert "allUsers" in {entry["entity"] for entry in blob.acl}
    url = f"{gcs.url}/upload/storage/v1/b/hyper-lounge/o?uploadType=media&name=a&predefinedAcl=everybody"
    assert "predefinedAcl" in http.post(url, data=b"1").json()["error"]["message"]
    bucket.acl.reload()
    bucket.acl.save_predefined("private")
    bucket.default_object_acl.reload()
    assert {entry["role"] for entry in bucket.default_object_acl} == {"OWNER", "READER"}


def test_single_entries(http, gcs, bucket):
    bucket.blob("a/b").upload_from_string("1")
    for url in (f"{gcs.url}/storage/v1/b/hyper-lounge/{path}" for path in ("acl", "defaultObjectAcl", "o/a%2Fb/acl")):
        made = http.post(url, json={"entity": "domain-example.com", "role": "READER"})
        assert (made.status_code, made.json()["domain"]) == (200, "example.com")
        assert http.get(f"{url}/domain-example.com").json()["role"] == "READER"
        assert http.put(f"{url}/domain-example.com", json={"role": "OWNER"}).json()["role"] == "OWNER"
        assert "domain-example.com" in {entry["entity"] for entry in http.get(url).json()["items"]}
        assert http.delete(f"{url}/domain-example.com").status_code == 204
        assert http.get(f"{url}/domain-example.com").status_code == 404
        assert http.post(url, json={"entity": "allUsers"}).status_code == 400
        assert http.post(url, json={"entity": "allUsers", "role": "KING"}).status_code == 400


def test_lists_are_shown_on_request_alone(http, gcs, bucket):
    bucket.blob("a").upload_from_string("1")
    url = f"{gcs.url}/storage/v1/b/hyper-lounge"
    for place in (url, f"{url}/o/a"):
        assert "acl" not in http.get(place).json()
        assert "acl" in http.get(place, params={"projection": "full"}).json()


def test_uniform_access_knows_no_lists(client):
    bucket = client.bucket("uniform")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket = client.create_bucket(bucket)
    assert bucket.iam_configuration.uniform_bucket_level_access_locked_time is not None
    with pytest.raises(exceptions.BadRequest, match="uniform"):
        bucket.acl.reload()
    with pytest.raises(exceptions.BadRequest, match="uniform"):
        bucket.blob("a").upload_from_string("1", predefined_acl="publicRead")
    bucket.blob("a").upload_from_string("1")


def test_notifications_are_kept(bucket):
    assert not list(bucket.list_notifications())
    made = bucket.notification(topic_name="topic", topic_project="project-1", event_types=["OBJECT_FINALIZE"])
    made.create()
    [listed] = bucket.list_notifications()
    assert (listed.notification_id, listed.topic_name) == (made.notification_id, "topic")
    assert bucket.get_notification(made.notification_id).event_types == ["OBJECT_FINALIZE"]
    made.delete()
    with pytest.raises(exceptions.NotFound):
        bucket.get_notification(made.notification_id)


@pytest.mark.parametrize("labels", [{"Team": "a"}, {"team": "A"}, {"1a": "b"}, {"a" * 64: "b"}, {"a": "b" * 64}])
def test_labels_that_no_bucket_may_have(client, labels):
    bucket = client.bucket("labelled")
    bucket.labels = labels
    with pytest.raises(exceptions.BadRequest, match="label"):
        client.create_bucket(bucket)


def test_labels_may_be_korean(client):
    bucket = client.bucket("labelled")
    bucket.labels = {"팀": "분석-1"}
    assert client.create_bucket(bucket).labels == {"팀": "분석-1"}


def test_what_the_service_adds(client):
    bucket = client.create_bucket("auto", data_locations=["US-EAST1", "US-WEST1"])
    bucket.autoclass_enabled = True
    bucket.patch()
    bucket.reload()
    assert (bucket.autoclass_terminal_storage_class, bucket.location_type, bucket.rpo) == (
        "NEARLINE",
        "dual-region",
        "DEFAULT",
    )
    toggled = bucket.autoclass_toggle_time
    bucket.labels = {"a": "b"}
    bucket.patch()
    assert bucket.autoclass_toggle_time == toggled


def test_the_layout_of_a_bucket(http, gcs):
    found = http.get(f"{gcs.url}/storage/v1/b/hyper-lounge/storageLayout").json()
    assert (found["kind"], found["location"]) == ("storage#storageLayout", "US")
