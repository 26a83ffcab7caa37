"""A work item as it is read: its document, and the case that strategies judge."""

from __future__ import annotations

from dataclasses import replace

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import WorkItem
from llm_convert.conversion.case import Case
from llm_convert.conversion.workshop import Workshop
from llm_convert.documents import read_document
from llm_convert.programs import Read


def case_of(item: WorkItem, prompt: Prompt, workshop: Workshop) -> Case:
    """The case of an item of which nothing was tried.

    Raises:
        WorkItemError: the document can't be read.
        StoreError: the store failed.
    """
    return Case(
        item=item,
        prompt=prompt,
        document=_read(item, workshop),
        run_id=workshop.run_id,
        bsda=workshop.bsda,
        max_output_tokens=workshop.max_output_tokens,
        repairs=workshop.repairs,
        larger=workshop.larger,
    )


def reader_of(case: Case, workshop: Workshop) -> Read:
    """Reads the case's document; with styles it is read anew when it is asked for."""
    return lambda styles: _read(case.item, workshop, styles=True) if styles else case.document


def _read(item: WorkItem, workshop: Workshop, *, styles: bool = False) -> Document:
    data = workshop.store.read(item.document_key).data
    return read_document(item.document_name, data, replace(workshop.reading, styles=styles))
