"""Whether a committed report still covers all there is to do."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest, Launch
from llm_convert.contracts.manifest import Manifest
from llm_convert.contracts.report import Report
from llm_convert.contracts.work import TRY_AGAIN
from llm_convert.objects import read_model
from llm_convert.ports import ObjectStore


def leaves_nothing_to_do(store: ObjectStore, request: JobRequest, launch: Launch, report: Report) -> bool:
    """Whether a new run would find every document of now reported, and no item that it would try again.

    A forced launch that was committed has done what it was asked for: its retry pays nothing again.
    """
    if request.force and not launch.request.force:
        return False
    if (report.file_id, report.prompt_id) != (request.file_id, request.prompt_id):
        return False
    if any(item.cause in TRY_AGAIN for item in report.items):
        return False
    reported = {(item.source, item.document, item.sha256) for item in report.items}
    manifests = [
        read_model(store, info.key, Manifest) for info in store.list(keys.documents(request.tenant, request.bsda))
    ]
    files = (entry.file for manifest in manifests for entry in manifest.entries)
    return reported >= {(file.source, file.name, file.sha256) for file in files}
