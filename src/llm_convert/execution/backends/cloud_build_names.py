"""Where builds are, and what a person types or opens to deal with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.execution.backends.google_api import Remedies

NAME = "cloud_build"
_BUILD = re.compile(r"projects/([^/]+)/locations/([^/]+)/builds/([^/]+)")
_FORM = "LLM_CONVERT_BACKEND=cloud_build://PROJECT/REGION?image=IMAGE"
_MACHINES = ("E2_MEDIUM", "E2_STANDARD_2", "E2_HIGHCPU_8", "E2_HIGHCPU_32", "N1_HIGHCPU_8", "N1_HIGHCPU_32")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlace:
    """A project's builds in a region."""

    project: str
    region: str

    @classmethod
    def checked(cls, *, project: str, region: str) -> Self:
        """The place. Raises ConfigurationError, with the CONFIG key, for a part that is empty."""
        for part, value, key in (("project", project, "project_id"), ("region", region, "llm_job_region")):
            if not value:
                raise ConfigurationError(
                    f"the Cloud Build {part} is not known", remedy=f"Set {key} in the tenant's CONFIG, or {_FORM}."
                )
        return cls(project=project, region=region)

    @classmethod
    def of_build(cls, name: str) -> tuple[Self, str]:
        """The place of a build and the build's id. Raises ConfigurationError for a name that is not of Cloud Build."""
        match = _BUILD.fullmatch(name)
        if match is None:
            raise ConfigurationError(
                f"{name!r} is no build of Cloud Build",
                remedy="Set LLM_CONVERT_BACKEND to the backend that the run was launched on.",
            )
        return cls(project=match[1], region=match[2]), match[3]

    @property
    def path(self) -> str:
        """The region's resource name."""
        return f"projects/{self.project}/locations/{self.region}"

    def build(self, build_id: str) -> str:
        """A build's resource name."""
        return f"{self.path}/builds/{build_id}"

    def console(self, build_id: str) -> str:
        """The console's page of a build."""
        where = f"{self.region}/{build_id}?project={self.project}"
        return f"https://console.cloud.google.com/cloud-build/builds;region={where}"

    @property
    def remedies(self) -> Remedies:
        """For refusals of calls about builds."""
        return Remedies(
            denied=(
                "Give the caller's service account roles/cloudbuild.builds.editor on the project, and "
                "roles/iam.serviceAccountUser on the build's own service account: "
                f"gcloud projects add-iam-policy-binding {self.project} "
                "--member serviceAccount:CALLER --role roles/cloudbuild.builds.editor"
            ),
            missing=(
                "Check project and region; look with: "
                f"gcloud builds list --region {self.region} --project {self.project}"
            ),
            disabled=f"Enable it with: gcloud services enable cloudbuild.googleapis.com --project {self.project}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What a ``cloud_build://`` URL says after its question mark."""

    image: str = ""
    """The job's image; it must have Python and this package."""
    job: str = ""
    """Instead of an image: the Cloud Run job whose image it is, ``NAME`` in the build's region or ``REGION/NAME``."""
    machine: str = ""
    """Machine type such as ``E2_HIGHCPU_8``; empty: Cloud Build's standard one."""
    service_account: str = ""
    """E-mail of the account that the job runs as; empty: the project's standard one."""
    logs_bucket: str = ""
    """``gs://bucket`` for the build's log; empty: Cloud Logging alone."""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """From the URL's options. Raises ConfigurationError for one that nobody knows, and for a missing image."""
        for name in options.keys() - set(cls.__slots__):
            raise unknown_name("option", name, cls.__slots__, where="LLM_CONVERT_BACKEND")
        machine = options.get("machine", "").upper().replace("-", "_")
        if machine and machine not in _MACHINES:
            raise unknown_name("machine", machine, _MACHINES, where="LLM_CONVERT_BACKEND")
        if not (options.get("image") or options.get("job")):
            raise ConfigurationError(
                "the build's image is not known", remedy=f"Set {_FORM}, or job=NAME of the Cloud Run job that has it."
            )
        return cls(**{**options, "machine": machine})
