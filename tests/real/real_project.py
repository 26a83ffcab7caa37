"""Tests against a real Google Cloud project, for whoever asks for them; they cost a few cents and leave nothing.

    LLM_CONVERT_REAL_PROJECT=my-project LLM_CONVERT_REAL_BUCKET=my-bucket LLM_CONVERT_REAL_DATASET=scratch \\
    LLM_CONVERT_REAL_REGION=asia-northeast3 LLM_CONVERT_REAL_JOB=claude-agent-sdk-batch-job pytest tests/real

LLM_CONVERT_REAL_MODEL=1 adds one call of the model, with one token of answer. What they print is what an emulator can't
know: please send it along with a report. Only here, and only then, may a test reach beyond this machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

PREFIX = "LLM_CONVERT_REAL_"
AS_STARTED = dict(os.environ)
"""Read before any fixture of the other tests hides it."""


@dataclass(frozen=True)
class Real:
    """What the environment names."""

    project: str
    bucket: str
    dataset: str
    region: str
    job: str


def said(name: str) -> str:
    return AS_STARTED.get(PREFIX + name, "")


def needed(*names: str) -> pytest.MarkDecorator:
    missing = [PREFIX + name for name in ("PROJECT", *names) if not said(name)]
    return pytest.mark.skipif(bool(missing), reason=f"a real project is asked only with {', '.join(missing)}")
