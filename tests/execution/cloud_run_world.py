"""What the tests of Cloud Run share: the emulator with its real processes, and jobs that are shell scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from execution_world import BSDA, TENANT
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2

from llm_convert.contracts.launch import ExecutionHandle, JobRequest
from llm_convert.execution.backends.cloud_run import CloudRunBackend
from llm_convert.settings import Settings
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

PLACE = {"project": "hyperlounge-dev", "region": "asia-northeast1", "job": "claude-agent-sdk-batch-job"}
JOB = "projects/hyperlounge-dev/locations/asia-northeast1/jobs/claude-agent-sdk-batch-job"

MARKED = f"""
folder="$STORE_FOLDER/tenants/{TENANT}/runs/{BSDA}/run/$LLM_CONVERT_RUN_ID/messages/0000-00"
mkdir -p "$folder"
at='"version":1,"sequence":0,"at":"2025-11-07T14:00:00+00:00"'
of='"run_id":"x","tenant":"{TENANT}","bsda":"{BSDA}","provider":"rules","items":1'
echo "{{\\"type\\":\\"opened\\",$at,$of,\\"execution\\":\\"$CLOUD_RUN_EXECUTION\\"}}" > "$folder/new"
mv "$folder/new" "$folder/000000.jsonl"
"""
"""A shell script's way to leave the first message, as the job's container does."""


class Redeploying(CloudRunBackend):
    """The real backend, which first gives the job another command, through the real API."""

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        super().__init__(settings, **PLACE)
        self.command = tuple(command)

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        container = run_v2.Container(image="job", command=[self.command[0]], args=list(self.command[1:]))
        template = run_v2.TaskTemplate(containers=[container], max_retries=0)
        job = run_v2.Job(name=JOB, template=run_v2.ExecutionTemplate(template=template))
        client = run_v2.JobsClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self._settings.cloud_run_endpoint},
        )
        client.update_job(run_v2.UpdateJobRequest(job=job, allow_missing=True)).result(timeout=20)
        return super().start(request, run_id)


@dataclass
class CloudRunWorld:
    emulator: CloudRunEmulator
    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, cloud_run_endpoint=self.emulator.url)

    @property
    def store(self) -> LocalObjectStore:
        return LocalObjectStore(self.home / "store")

    def backend(self, **changes: object) -> CloudRunBackend:
        return CloudRunBackend(self.settings.model_copy(update=changes), **PLACE)

    def deploy(self, script: str, **changes: object) -> CloudRunBackend:
        environment = {"STORE_FOLDER": str(self.home / "store")}
        self.emulator.deploy(JOB, command=["sh", "-c", script], env=environment, **{"max_retries": 0, **changes})
        return self.backend()

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.emulator.calls)
