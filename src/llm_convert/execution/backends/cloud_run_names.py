"""Where a Cloud Run job is, and what a person types or opens to deal with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from llm_convert.errors import ConfigurationError
from llm_convert.execution.backends.google_api import Remedies

NAME = "cloud_run"
_EXECUTION = re.compile(r"projects/([^/]+)/locations/([^/]+)/jobs/([^/]+)/executions/([^/]+)")
_PARTS = {"project": "project_id", "region": "llm_job_region", "job": "llm_job_name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """A job of Cloud Run."""

    project: str
    region: str
    job: str

    @classmethod
    def checked(cls, *, project: str, region: str, job: str) -> Self:
        """The place. Raises ConfigurationError, with the CONFIG key, for a part that is empty."""
        given = {"project": project, "region": region, "job": job}
        for part, key in _PARTS.items():
            if not given[part]:
                raise ConfigurationError(
                    f"the Cloud Run {part} is not known",
                    remedy=f"Set {key} in the tenant's CONFIG, or LLM_CONVERT_BACKEND=cloud_run://PROJECT/REGION/JOB.",
                )
        return cls(**given)

    @classmethod
    def of_execution(cls, name: str) -> Self:
        """The job of an execution. Raises ConfigurationError for a name that is not of Cloud Run."""
        match = _EXECUTION.fullmatch(name)
        if match is None:
            raise ConfigurationError(
                f"{name!r} is no execution of Cloud Run",
                remedy="Set LLM_CONVERT_BACKEND to the backend that the run was launched on.",
            )
        return cls(project=match[1], region=match[2], job=match[3])

    @property
    def path(self) -> str:
        """The job's resource name."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.job}"

    def execution(self, marker: str) -> str:
        """The resource name of an execution that calls itself this; empty for what is no name of Cloud Run's."""
        short = marker.rpartition("/")[2]
        return f"{self.path}/executions/{short}" if re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", short) else ""

    def console(self, execution: str) -> str:
        """The console's page of an execution's logs."""
        short = execution.rpartition("/")[2]
        return (
            f"https://console.cloud.google.com/run/jobs/executions/details/{self.region}/{short}/logs"
            f"?project={self.project}"
        )

    @property
    def remedies(self) -> Remedies:
        """For refusals of calls about this job."""
        here = f"{self.job} --region {self.region} --project {self.project}"
        return Remedies(
            denied=(
                "Give the caller's service account roles/run.developer on the job, or a custom role with "
                "run.jobs.run, run.jobs.runWithOverrides, run.executions.get, run.executions.list, "
                "run.executions.cancel and run.tasks.list (roles/run.invoker alone can't pass overrides): "
                f"gcloud run jobs add-iam-policy-binding {here} "
                "--member serviceAccount:CALLER --role roles/run.developer"
            ),
            missing=(
                f"Look with: gcloud run jobs describe {here}. "
                f"Create it with: gcloud run jobs deploy {here} --image IMAGE"
            ),
            disabled=f"Enable it with: gcloud services enable run.googleapis.com --project {self.project}",
        )
