"""What takes the place of the other tests' fixtures where a real project is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from real_project import AS_STARTED, PREFIX, Real, said


@pytest.fixture(autouse=True)
def _no_paid_service() -> None:
    """Takes the place of the guard of all other tests."""


@pytest.fixture(autouse=True, scope="module")
def _own_environment() -> Iterator[None]:
    """The developer's own environment, without what only these tests know."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(AS_STARTED):
            patch.delenv(name)
        for name, value in AS_STARTED.items():
            patch.setenv(name, value)
        for name in [name for name in AS_STARTED if name.startswith(PREFIX)]:
            patch.delenv(name)
        yield


@pytest.fixture
def real() -> Real:
    return Real(
        project=said("PROJECT"),
        bucket=said("BUCKET"),
        dataset=said("DATASET"),
        region=said("REGION") or "asia-northeast3",
        job=said("JOB"),
    )
