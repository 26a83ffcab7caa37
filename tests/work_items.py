"""A work item for tests that care for some of its facts alone."""

from __future__ import annotations

from typing import Any

from llm_convert.contracts.work import WorkItem


def work_item(**facts: Any) -> WorkItem:
    """One with these facts; what is not said is anything."""
    anything = {
        "id": "1" * 32,
        "tenant": "t",
        "file_id": "F",
        "prompt_id": "p",
        "document_key": "k",
        "document_name": "n",
        "document_sha256": "0" * 64,
        "size_bytes": 1,
    }
    return WorkItem.model_validate({**anything, **facts})
