"""What a person does about an execution that its platform ended: the command or the role, for the place it ran in."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RUN = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/jobs/(?P<job>[^/]+)/executions/[^/]+")
_BUILD = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/builds/[^/]+")

_REST = "Run it again; only what is not done is repeated."
_PULLER = "service-PROJECT_NUMBER@serverless-robot-prod.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """The remedies of one kind of platform; ``{job}``, ``{region}`` and ``{project}`` are filled in."""

    timed_out: str
    out_of_memory: str
    image_missing: str
    permission_refused: str
    quota: str
    not_started: str


_UPDATE = "gcloud run jobs update {job} --region {region} --project {project}"
_CLOUD_RUN = _Where(
    timed_out=(
        "Raise LLM_CONVERT_JOB_TIMEOUT_SECONDS, which is each execution's task timeout, or share the work among more "
        f"tasks with LLM_CONVERT_JOB_TASKS. {_REST}"
    ),
    out_of_memory=f"Give it more memory: {_UPDATE} --memory 4Gi, or lower LLM_CONVERT_CONCURRENCY. {_REST}",
    image_missing=f"Build and push the image, then: {_UPDATE} --image IMAGE",
    permission_refused=(
        "Give the account that the message names its role. For the image: roles/artifactregistry.reader on the "
        f"repository for {_PULLER}. For a secret: roles/secretmanager.secretAccessor for the job's service account, "
        "which this tells: gcloud run jobs describe {job} --region {region} --project {project} "
        '--format "value(template.template.serviceAccount)"'
    ),
    quota=(
        "See what is used up at https://console.cloud.google.com/iam-admin/quotas?project={project} and ask for more, "
        f"or lower LLM_CONVERT_JOB_TASKS. {_REST}"
    ),
    not_started=(
        "Look at the image's entrypoint and the job's command and arguments: "
        "gcloud run jobs describe {job} --region {region} --project {project}"
    ),
)
_CLOUD_BUILD = _Where(
    timed_out=f"Raise LLM_CONVERT_JOB_TIMEOUT_SECONDS, which is the build's timeout. {_REST}",
    out_of_memory=f"Take a bigger machine: add machine=E2_HIGHCPU_8 to the URL of LLM_CONVERT_BACKEND. {_REST}",
    image_missing="Build and push the image that LLM_CONVERT_BACKEND names after image=, or name another one.",
    permission_refused=(
        "Give the build's service account the role that the message asks for; for the image "
        "roles/artifactregistry.reader on the repository, for the log roles/logging.logWriter on project {project}."
    ),
    quota=(
        "Other builds hold the project's machines. See "
        "https://console.cloud.google.com/iam-admin/quotas?project={project} and ask for more concurrent builds, "
        f"or take another region. {_REST}"
    ),
    not_started="Look at the image: it must have python and the package llm_convert.",
)
_HERE = _Where(
    timed_out=f"Raise LLM_CONVERT_JOB_TIMEOUT_SECONDS. {_REST}",
    out_of_memory=f"Lower LLM_CONVERT_CONCURRENCY, or free memory on this machine. {_REST}",
    image_missing="Name a command that exists.",
    permission_refused="Let the process's user read and write LLM_CONVERT_HOME.",
    quota=_REST,
    not_started="Look at the job's log for what it could not load.",
)


def remedy_for(ailment: str, execution: str) -> str:
    """What to do.

    Args:
        ailment: the value of a ``diagnosis.Ailment``.
        execution: the resource name of a Cloud Run execution or a build; anything else is a process of this machine.
    """
    run, build = _RUN.fullmatch(execution), _BUILD.fullmatch(execution)
    where = _CLOUD_RUN if run else _CLOUD_BUILD if build else _HERE
    texts = {
        "cancelled": "Start it by hand if that was not meant.",
        "timed out": where.timed_out,
        "out of memory": where.out_of_memory,
        "image missing": where.image_missing,
        "permission refused": where.permission_refused,
        "quota": where.quota,
        "container failed to start": where.not_started,
        "lost": _REST,
    }
    match = run or build
    names = match.groupdict() if match else {}
    # Filled in by hand: a text may hold braces of its own.
    return re.sub(r"\{(project|region|job)\}", lambda found: names.get(found[1], found[0]), texts[ailment])
