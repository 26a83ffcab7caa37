"""Google Cloud on this machine: storage, BigQuery, Cloud Run and Claude on Vertex, for one test."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import WorkItemError
from llm_convert.conversion.view import render
from llm_convert.documents import read_document
from llm_convert.layouts import answer
from llm_convert.ports import TextContent
from llm_convert.programs import load_program
from llm_convert.prompts import load_library
from llm_convert.testing.emulators.bigquery import BigQueryEmulator
from llm_convert.testing.emulators.cloud_run import CloudRunEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.testing.model_server import ModelServer, programs

PROJECT, REGION, JOB = "hyperlounge-dev", "asia-northeast1", "claude-agent-sdk-batch-job"
BUCKET, DATASET = "night", "landed"
REPOSITORY = Path(__file__).parents[2]
SAMPLE_PROGRAMS = REPOSITORY / "tests" / "programs" / "samples"


class Model:
    """Answers what a good model would: a program for a sample's layout, else the rows that stand in the document."""

    def __init__(self, drive: Path) -> None:
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        library = load_library(REPOSITORY / "jobs" / "prompts")
        for path in drive.rglob("*"):
            for prompt_id in library.prompt_ids:
                self._learn(path, library.get(prompt_id))
        self._answer = programs(
            {
                library.get(path.stem).instructions.strip(): load_program(path.read_text(encoding="utf-8")).to_data()
                for path in SAMPLE_PROGRAMS.glob("*.yaml")
            },
            otherwise=self._rows,
        )

    def _learn(self, path: Path, prompt: Prompt) -> None:
        if not path.is_file():
            return
        with contextlib.suppress(WorkItemError):
            document = read_document(path.name, path.read_bytes())
            text = "\n".join(part.text for part in render(document) if isinstance(part, TextContent))
            found = answer(prompt, document).model_dump(mode="json", exclude={"cause", "detail"})
            self._answers[(prompt.instructions.strip(), text)] = found

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._answer(request)

    def _rows(self, request: dict[str, Any]) -> dict[str, Any]:
        system = request["system"] if isinstance(request["system"], str) else request["system"][0]["text"]
        text = "\n".join(block["text"] for block in request["messages"][0]["content"] if block["type"] == "text")
        return next(given for (said, seen), given in self._answers.items() if said in system and seen == text)


class Cloud:
    """What runs, and the variables that point everything at it."""

    def __init__(self, home: Path, drive: Path) -> None:
        self.home = home
        self.gcs = GcsEmulator()
        self.bigquery = BigQueryEmulator(storage_url=self.gcs.url)
        self.model = ModelServer(answer_with=Model(drive))
        prompts = str(REPOSITORY / "jobs" / "prompts")
        self.launcher = {
            "LLM_CONVERT_HOME": str(home),
            "LLM_CONVERT_PROMPTS": prompts,
            "LLM_CONVERT_STORE": f"gs://{BUCKET}/convert",
            "LLM_CONVERT_WAREHOUSE": f"bigquery://{PROJECT}/{DATASET}",
            "LLM_CONVERT_BACKEND": "cloud_run://",
            "LLM_CONVERT_POLL_SECONDS": "0.5",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }
        container = {
            **self.gcs.environment(),
            **self.model.environment(),
            "LLM_CONVERT_PROMPTS": prompts,
            "LLM_CONVERT_HOME": str(home / "container"),
        }
        self.cloud_run = CloudRunEmulator(base_env={**container, "PYTHONPATH": str(REPOSITORY / "src")})

    @contextlib.contextmanager
    def running(self) -> Iterator[Cloud]:
        with self.gcs, self.bigquery, self.model, self.cloud_run:
            self.launcher |= {
                **self.gcs.environment(),
                **self.bigquery.environment(),
                **self.cloud_run.environment(),
                "GOOGLE_CLOUD_PROJECT": PROJECT,
            }
            yield self

    def furnish(self) -> None:
        """A bucket, a dataset and the job; the environment must point at them already."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery, storage

        storage.Client(project=PROJECT, credentials=AnonymousCredentials()).create_bucket(BUCKET)
        bigquery.Client(project=PROJECT, credentials=AnonymousCredentials()).create_dataset(DATASET)
        self.cloud_run.deploy(
            f"projects/{PROJECT}/locations/{REGION}/jobs/{JOB}",
            command=[sys.executable, "-m", "llm_convert.job"],
            max_retries=0,
        )
