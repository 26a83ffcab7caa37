"""The checks of what lies in Google Cloud, against the emulators, on the real wire."""

from __future__ import annotations

import http.server
import json
import os
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, storage

from llm_convert.doctor import Finding, State, diagnose
from llm_convert.doctor.credentials import member_of
from llm_convert.doctor.finding import Patient
from llm_convert.doctor.places import can_load, covers
from llm_convert.settings import Settings
from llm_convert.stores.gcs_client import close_clients
from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator
from llm_convert.testing.emulators.cloud_run import CloudRunEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator

BUCKET, REGION = "prod-store", "asia-northeast1"
JOB = f"projects/p/locations/{REGION}/jobs/convert"
TENANT = """\
customer_code: t1
project_id: p
llm_job_name: convert
sources: {drive: {id: s1, url: drive}}
"""


@pytest.fixture
def gcs(monkeypatch):
    with GcsEmulator() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        owner = storage.Client(project="p")
        owner.create_bucket(BUCKET, location=REGION)
        owner.close()
        yield running
        close_clients()


@pytest.fixture
def cloud_run():
    with CloudRunEmulator() as running:
        yield running


@pytest.fixture
def registry():
    """A registry's address and the paths that it has."""
    there: set[str] = set()

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path in there else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", there
        server.shutdown()


def make_job(emulator: CloudRunEmulator, image: str = "asia-docker.pkg.dev/p/r/convert:1", **env: str) -> None:
    client = run_v2.JobsClient(
        transport="rest", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.url}
    )
    container = run_v2.Container(image=image, env=[run_v2.EnvVar(name=k, value=v) for k, v in env.items()])
    template = run_v2.ExecutionTemplate(template=run_v2.TaskTemplate(containers=[container]))
    parent, _, name = JOB.partition("/jobs/")
    client.create_job(parent=parent, job=run_v2.Job(template=template), job_id=name).result()


def found(settings: Settings, **asked: str) -> dict[str, Finding]:
    return {one.name: one for one in diagnose(settings, dict(os.environ), **asked)}


def test_a_command_names_the_account_that_lacks_the_role(tmp_path, monkeypatch):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "client_email": "job@p.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "token_uri": "http://127.0.0.1:9/token",
    }
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    settings = Settings(home=tmp_path, backend=f"cloud_run://p/{REGION}/convert")
    assert member_of(Patient(settings=settings, environ={})) == "serviceAccount:job@p.iam.gserviceaccount.com"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert member_of(Patient(settings=settings, environ={})) == "serviceAccount:ACCOUNT"


class TestBucket:
    def settings(self, tmp_path, **more):
        return Settings(home=tmp_path, store=f"gs://{BUCKET}/밤", **more)

    def test_a_good_one(self, gcs, tmp_path):
        findings = found(self.settings(tmp_path))
        names = ("credentials", "store", "bucket permissions", "bucket location")
        assert [findings[name].state.value for name in names] == ["skipped", "ok", "ok", "ok"]
        assert list(storage.Client(project="p").list_blobs(BUCKET)) == []

    def test_no_bucket(self, gcs, tmp_path):
        finding = found(Settings(home=tmp_path, store="gs://other-store"))["store"]
        assert finding.state is State.WRONG
        assert "gcloud storage buckets create gs://other-store" in finding.remedy

    def test_a_missing_permission(self, gcs, tmp_path):
        gcs.dials.missing_permissions.add("storage.objects.create")
        findings = found(self.settings(tmp_path))
        assert findings["store"].state is State.WRONG
        assert "roles/storage.objectUser" in findings["store"].remedy
        assert findings["bucket permissions"].state is State.WARNING
        assert "storage.objects.create" in findings["bucket permissions"].detail

    def test_a_location_that_may_not_be_read(self, gcs, tmp_path):
        gcs.dials.missing_permissions.add("storage.buckets.get")
        findings = found(self.settings(tmp_path))
        assert findings["store"].state is State.OK
        assert findings["bucket location"].state is State.SKIPPED

    def test_a_bucket_far_from_the_job(self, gcs, cloud_run, tmp_path):
        backend = "cloud_run://p/europe-west1/convert"
        findings = found(self.settings(tmp_path, backend=backend, cloud_run_endpoint=cloud_run.url))
        assert findings["bucket location"].state is State.WARNING
        assert "europe-west1" in findings["bucket location"].remedy

    @pytest.mark.parametrize(
        ("location", "region", "holds"),
        [
            ("ASIA-NORTHEAST1", "asia-northeast1", True),
            ("ASIA", "asia-northeast1", True),
            ("EU", "europe-west1", True),
            ("US", "us-central1", True),
            ("US", "asia-northeast1", False),
            ("ASIA-NORTHEAST3", "asia-northeast1", False),
            ("", "asia-northeast1", False),
        ],
    )
    def test_which_location_holds_a_region(self, location, region, holds):
        assert covers(location, region) is holds

    @pytest.mark.parametrize(
        ("bucket", "dataset", "loads"),
        [
            ("ASIA-NORTHEAST1", "asia-northeast1", True),
            ("ASIA", "asia-northeast1", True),
            ("EUROPE-WEST1", "EU", True),
            ("ASIA-NORTHEAST1", "US", True),
            ("ASIA-NORTHEAST1", "asia-northeast3", False),
            ("US", "EU", False),
        ],
    )
    def test_which_bucket_a_dataset_loads_from(self, bucket, dataset, loads):
        assert can_load(bucket, dataset) is loads


class TestCloudRunJob:
    def settings(self, tmp_path, emulator, **more):
        arguments = {"backend": f"cloud_run://p/{REGION}/convert", "cloud_run_endpoint": emulator.url, **more}
        return Settings(home=tmp_path, **arguments)

    def test_a_good_one(self, cloud_run, tmp_path):
        make_job(cloud_run)
        findings = found(self.settings(tmp_path, cloud_run))
        names = ("job", "job ready", "job permissions")
        assert {name: findings[name].state.value for name in names} == dict.fromkeys(names, "ok")
        assert findings["job image"].detail.startswith("asia-docker.pkg.dev/p/r/convert:1 is named")

    def test_no_job(self, cloud_run, tmp_path):
        finding = found(self.settings(tmp_path, cloud_run))["job"]
        assert finding.state is State.WRONG
        assert f"gcloud run jobs deploy convert --region {REGION} --project p" in finding.remedy

    def test_the_invoker_role_is_not_enough(self, cloud_run, tmp_path):
        make_job(cloud_run)
        cloud_run.dials.missing_permissions.add("run.jobs.runWithOverrides")
        finding = found(self.settings(tmp_path, cloud_run))["job permissions"]
        assert finding.state is State.WRONG
        assert "run.jobs.runWithOverrides" in finding.detail
        assert finding.remedy.startswith(f"gcloud run jobs add-iam-policy-binding convert --region {REGION}")
        assert finding.remedy.endswith("--role roles/run.developer")

    def test_a_job_for_vertex_must_know_where_it_is(self, cloud_run, tmp_path, monkeypatch):
        make_job(cloud_run, CLOUD_ML_REGION="global")
        monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "ai")
        monkeypatch.setenv("CLOUD_ML_REGION", "global")
        settings = self.settings(tmp_path, cloud_run, provider="vertex", vertex_access_token="x")
        finding = found(settings)["job variables"]
        assert finding.state is State.WRONG
        assert finding.remedy.endswith("--update-env-vars ANTHROPIC_VERTEX_PROJECT_ID=ai")

    @pytest.mark.parametrize(
        ("reference", "asked"),
        [("", "latest"), (":1.2", "1.2"), (":1.2@sha256:" + "a" * 64, "sha256:" + "a" * 64)],
    )
    def test_an_image_is_looked_for_in_its_registry(self, cloud_run, tmp_path, registry, reference, asked):
        host, there = registry
        image = f"{host}/p/r/convert{reference}"
        make_job(cloud_run, image)
        missing = found(self.settings(tmp_path, cloud_run))["job image"]
        assert (missing.state, "--image IMAGE" in missing.remedy) == (State.WRONG, True)
        there.add(f"/v2/p/r/convert/manifests/{asked}")
        assert found(self.settings(tmp_path, cloud_run))["job image"].detail == f"{image} is in its registry"

    def test_the_place_comes_from_the_tenant(self, cloud_run, tmp_path):
        make_job(cloud_run)
        (tmp_path / "t.yaml").write_text(TENANT)
        settings = self.settings(tmp_path, cloud_run, backend="cloud_run://", tenants=tmp_path / "t.yaml")
        assert found(settings)["job"].state is State.SKIPPED
        assert found(settings, tenant="t1")["job"].detail == f"{JOB} is there"

    def test_a_service_that_is_down(self, cloud_run, tmp_path):
        make_job(cloud_run)
        cloud_run.dials.fail_next["GetJob"] = [503]
        finding = found(self.settings(tmp_path, cloud_run))["job"]
        assert finding.state is State.WRONG
        assert finding.remedy


class TestCloudBuild:
    def test_builds_can_be_listed(self, tmp_path):
        with CloudBuildEmulator() as emulator:
            settings = Settings(home=tmp_path, backend=f"cloud_build://p/{REGION}", cloud_build_endpoint=emulator.url)
            assert found(settings)["job"].state is State.OK
            emulator.dials.missing_permissions.add("cloudbuild.builds.list")
            finding = found(settings)["job"]
        assert finding.state is State.WRONG
        assert "roles/cloudbuild.builds.editor" in finding.remedy
