"""Which earlier tries a report also tells of."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_convert.contracts import keys
from llm_convert.job.untold import untold_runs
from llm_convert.stores.local import LocalObjectStore


@pytest.mark.parametrize(
    ("run_id", "reported", "untold"),
    [
        ("night-01", [], []),
        ("night-04", [], ["night-01", "night-02", "night-03"]),
        ("night-04", ["night-02"], ["night-03"]),
        ("night-04", ["night-03"], []),
        # What no report told when night-02 left its own was told by that.
        ("night-03", ["night-02", "night-04"], []),
        ("shell-5f2a", ["shell-01"], []),
        ("alone", [], []),
    ],
)
def test_back_to_the_last_that_left_a_report(
    tmp_path: Path, run_id: str, reported: list[str], untold: list[str]
) -> None:
    store = LocalObjectStore(tmp_path)
    for run in reported:
        store.create(keys.report("t1", "20251107230000", run), b"{}")
    # A night of another day, and another launch, say nothing.
    store.create(keys.report("t1", "20251108230000", "night-03"), b"{}")
    store.create(keys.report("t1", "20251107230000", "other-03"), b"{}")
    assert sorted(untold_runs(store, "t1", "20251107230000", run_id)) == untold
