"""The job backend: whether the job is there, can start, knows what it must know, and may be run by this account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llm_convert.doctor.credentials import member_of
from llm_convert.doctor.finding import Finding, Patient, ok, skipped, warning, wrong
from llm_convert.doctor.image import check_image, is_local

PERMISSIONS = ("run.jobs.get", "run.jobs.run", "run.jobs.runWithOverrides")
_VERTEX = ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION")
"""What the job must know by itself when it calls Vertex AI; the rest comes with each run."""


def check_job(patient: Patient) -> Iterator[Finding]:
    """The backend that the settings name."""
    if patient.backend_scheme == "cloud_run":
        yield from _cloud_run(patient)
    elif patient.backend_scheme == "cloud_build":
        yield from _cloud_build(patient)
    elif patient.backend_scheme == "subprocess":
        yield ok("job", "runs as a process of this machine")
    else:
        from llm_convert import wiring

        wiring.open_backend(patient.settings, patient.config)


def _cloud_run(patient: Patient) -> Iterator[Finding]:
    from llm_convert.execution.backends.cloud_run_names import JobPlace
    from llm_convert.execution.backends.google_api import NEVER_RETRY, blocking_client, calling, load

    project, region, name = patient.backend_place
    if not patient.config and not (project and region and name):
        said = "LLM_CONVERT_BACKEND leaves project, region or job to the tenant's configuration"
        yield skipped("job", f"{said}; look at one with: llm-convert doctor --tenant TENANT_CODE")
        return
    place = JobPlace.checked(project=project, region=region, job=name)
    client = blocking_client(
        load("google.cloud.run_v2", package="google-cloud-run").JobsClient, patient.settings.cloud_run_endpoint
    )
    with calling(f"looking at the job {place.path}", place.remedies):
        job = client.get_job(name=place.path, **NEVER_RETRY)
    yield ok("job", f"{place.path} is there")
    here = f"{name} --region {region} --project {project}"
    yield _readiness(job, here)
    yield from _container(job, here, patient)
    yield _permissions(client, place, here, patient)


def _readiness(job: Any, here: str) -> Finding:
    """Cloud Run itself looks for the image when a job is made or changed, and says so in a condition."""
    condition = job.terminal_condition
    if condition.state.name == "CONDITION_FAILED":
        update = f"gcloud run jobs update {here} --image IMAGE"
        return wrong("job ready", f"Cloud Run says: {condition.message or condition.type_}", update)
    return ok("job ready", "Cloud Run reports no fault of it")


def _container(job: Any, here: str, patient: Patient) -> Iterator[Finding]:
    containers = list(job.template.template.containers)
    image = containers[0].image if containers else ""
    if not image:
        yield wrong("job image", "the job names none", f"gcloud run jobs update {here} --image IMAGE")
        return
    if patient.settings.cloud_run_endpoint and not is_local(image):
        yield skipped("job image", f"{image} is named; an emulator's images are only names")
    else:
        yield check_image(image, f"gcloud run jobs update {here} --image IMAGE")
    if patient.settings.provider != "vertex":
        return
    known = {variable.name for variable in containers[0].env}
    missing = [name for name in _VERTEX if name not in known]
    if not missing:
        yield ok("job variables", f"{', '.join(_VERTEX)} are set in the job")
        return
    values = ",".join(f"{name}={patient.environ.get(name) or 'VALUE'}" for name in missing)
    yield wrong(
        "job variables",
        f"the job calls Vertex AI and has no {', '.join(missing)}",
        f"gcloud run jobs update {here} --update-env-vars {values}",
    )


def _permissions(client: Any, place: Any, here: str, patient: Patient) -> Finding:
    from google.api_core.exceptions import GoogleAPIError

    from llm_convert.execution.backends.google_api import NEVER_RETRY

    request = {"resource": place.path, "permissions": list(PERMISSIONS)}
    try:
        granted = client.test_iam_permissions(request=request, **NEVER_RETRY).permissions
    except GoogleAPIError as error:
        return skipped("job permissions", f"they could not be asked for: {' '.join(str(error).split())[:200]}")
    missing = [permission for permission in PERMISSIONS if permission not in granted]
    if not missing:
        return ok("job permissions", ", ".join(PERMISSIONS))
    return wrong(
        "job permissions",
        f"lacking on the job: {', '.join(missing)} (roles/run.invoker alone can't pass overrides)",
        f"gcloud run jobs add-iam-policy-binding {here} --member {member_of(patient)} --role roles/run.developer",
    )


def _cloud_build(patient: Patient) -> Iterator[Finding]:
    from llm_convert.execution.backends.google_api import NEVER_RETRY, Remedies, blocking_client, calling, load

    project, region, _ = patient.backend_place
    if not (project and region):
        yield skipped("job", "LLM_CONVERT_BACKEND leaves project or region to the tenant's configuration")
        return
    grant = f"gcloud projects add-iam-policy-binding {project} --member {member_of(patient)} --role"
    remedies = Remedies(
        denied=f"{grant} roles/cloudbuild.builds.editor",
        missing=f"gcloud projects describe {project}",
        disabled=f"gcloud services enable cloudbuild.googleapis.com --project {project}",
    )
    kind = load("google.cloud.devtools.cloudbuild_v1", package="google-cloud-build").CloudBuildClient
    client = blocking_client(kind, patient.settings.cloud_build_endpoint)
    parent = f"projects/{project}/locations/{region}"
    with calling(f"listing the builds of {parent}", remedies):
        next(iter(client.list_builds(request=_first_build(project, parent), **NEVER_RETRY)), None)
    yield ok("job", f"builds of {parent} can be listed")
    yield warning(
        "job permissions",
        "that builds may be created can't be asked for; it shows with the first one",
        f"{grant} roles/cloudbuild.builds.editor",
    )


def _first_build(project: str, parent: str) -> dict[str, Any]:
    return {"project_id": project, "parent": parent, "page_size": 1}
