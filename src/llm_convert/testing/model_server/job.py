"""One batch prediction job, as Vertex AI tells of it, and what lists of them are filtered by."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from llm_convert.testing.model_server.batch_work import Work
from llm_convert.testing.model_server.faults import Fault, RefusedError

_KEPT = ("inputConfig", "outputConfig", "labels")
_OVER = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"})
_MODEL = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?publishers/anthropic/models/(?P<model>claude-[^/]+)")
_TERM = re.compile(r'\s*(?P<name>display_name|displayName|state)\s*(?P<sign>!?=)\s*"(?P<value>[^"]*)"\s*')


@dataclass(slots=True, kw_only=True)
class Job:
    """One job."""

    name: str
    project: str
    asked: dict[str, Any]
    model: str
    state: str = "JOB_STATE_PENDING"
    times: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    output: str | None = None
    work: Work | None = None
    cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it changes no more."""
        return self.state in _OVER

    def move(self, state: str, *stamps: str) -> None:
        """Come to another state, and note the time under the stamps' names."""
        self.state = state
        for stamp in (*stamps, "updateTime"):
            self.times[stamp] = now()

    def told(self) -> dict[str, Any]:
        """The resource."""
        kept: dict[str, Any] = {name: self.asked[name] for name in _KEPT if name in self.asked}
        found: dict[str, Any] = {
            "name": self.name,
            "displayName": self.asked["displayName"],
            "model": self.asked["model"],
            **kept,
            "state": self.state,
            **self.times,
        }
        if self.error:
            found["error"] = self.error
        if self.output and self.work:
            counts = self.work.counts()
            failed = counts["errored"] + counts["expired"]
            stats = {
                "successfulCount": counts["succeeded"],
                "failedCount": failed,
                "incompleteCount": counts["canceled"],
            }
            found["outputInfo"] = {"gcsOutputDirectory": self.output}
            # Google writes 64-bit numbers as text, and leaves out those that are 0.
            found["completionStats"] = {name: str(count) for name, count in stats.items() if count}
        return found


def refused(status: int, name: str, message: str) -> RefusedError:
    """An error to raise, under Google's name for it."""
    return RefusedError(Fault.google_error(status, name, message))


def checked_model(asked: Any) -> str:
    """The model of a job that is to be made.

    Raises:
        RefusedError: what is asked for is no job.
    """
    if not isinstance(asked, dict):
        raise refused(400, "INVALID_ARGUMENT", "The request body must be a JSON object.")
    for name in ("displayName", "model", "inputConfig", "outputConfig"):
        if not asked.get(name):
            raise refused(400, "INVALID_ARGUMENT", f"Required field is not set: {name}.")
    match = _MODEL.fullmatch(str(asked["model"]))
    if match is None:
        raise refused(404, "NOT_FOUND", f"The model {asked['model']!r} was not found.")
    source, target = asked["inputConfig"], asked["outputConfig"]
    if source.get("instancesFormat") != "jsonl" or target.get("predictionsFormat") != "jsonl":
        raise refused(400, "INVALID_ARGUMENT", "Only the format jsonl is supported by this server.")
    if not input_uris(asked) or not output_prefix(asked).startswith("gs://"):
        raise refused(400, "INVALID_ARGUMENT", "gcsSource.uris and gcsDestination.outputUriPrefix must be gs:// URIs.")
    return match["model"]


def input_uris(asked: dict[str, Any]) -> list[str]:
    """Where the requests are; one URI may stand by itself."""
    uris = (asked["inputConfig"].get("gcsSource") or {}).get("uris") or []
    uris = [uris] if isinstance(uris, str) else uris
    return [uri for uri in uris if isinstance(uri, str) and uri.startswith("gs://")]


def output_prefix(asked: dict[str, Any]) -> str:
    """Below which the answers go."""
    return str((asked["outputConfig"].get("gcsDestination") or {}).get("outputUriPrefix", "")).rstrip("/")


def filter_of(text: str) -> Callable[[Job], bool]:
    """What a list is filtered by: ``display_name="x" AND state!="JOB_STATE_FAILED"``.

    Raises:
        RefusedError: it is no such filter.
    """
    terms = [_TERM.fullmatch(part) for part in text.split(" AND ")] if text.strip() else []
    if not all(terms):
        raise refused(400, "INVALID_ARGUMENT", f"Invalid filter: {text}")
    known = [(term["name"], term["sign"] == "=", term["value"]) for term in terms if term]

    def holds(job: Job) -> bool:
        found = {"state": job.state}
        return all((found.get(name, job.asked["displayName"]) == value) is same for name, same, value in known)

    return holds


def now() -> str:
    """As Google writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
