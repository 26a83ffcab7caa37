"""fileid_mapping: says of each crawled document what kind it is, by the tenant's rules."""

from __future__ import annotations

import fnmatch
import re
import unicodedata

from llm_convert.contracts import keys
from llm_convert.contracts.manifest import CrawledFile, Manifest, ManifestEntry
from llm_convert.contracts.tenant import MappingRule
from llm_convert.contracts.work import WorkItemError
from llm_convert.documents import ReadOptions, read_document
from llm_convert.objects import overwrite, read_model
from llm_convert.pipeline.context import StepContext


def map_file_ids(context: StepContext) -> dict[str, int]:
    """Give every crawled document its FILE_ID.

    Returns:
        Counts: ``documents``, ``mapped``, ``tidy`` (of the mapped), ``unmapped``.
    """
    crawled = read_model(context.store, keys.crawled(context.tenant, context.bsda, context.source.id), Manifest)
    entries = tuple(_map(context, entry.file) for entry in crawled.entries)
    manifest = crawled.model_copy(update={"entries": entries})
    overwrite(context.store, keys.documents(context.tenant, context.bsda, context.source.id), manifest.to_json())
    return {
        "documents": len(entries),
        "mapped": sum(entry.file_id is not None for entry in entries),
        "tidy": sum(entry.table is not None for entry in entries),
        "unmapped": sum(entry.file_id is None for entry in entries),
    }


def _map(context: StepContext, file: CrawledFile) -> ManifestEntry:
    sheets: list[str] | None = None
    note = ""
    for rule in context.config.file_mapping:
        if not name_matches(rule, file.name):
            continue
        if rule.sheet is not None:
            if sheets is None:
                sheets, note = _sheet_names(context, file)
            if not any(_matches(name, rule.sheet) for name in sheets):
                continue
        return ManifestEntry(file=file, file_id=rule.file_id, table=rule.table)
    return ManifestEntry(file=file, note=note)


def name_matches(rule: MappingRule, name: str) -> bool:
    """Whether a file's name meets a rule's glob and regex; the glob is tried on the whole path and on the last part."""
    last = name.rpartition("/")[2]
    if rule.glob is not None and not (_matches(name, rule.glob) or _matches(last, rule.glob)):
        return False
    return rule.regex is None or re.search(_folded_form(rule.regex), _folded_form(name)) is not None


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(_folded_form(name).casefold(), _folded_form(pattern).casefold())


def _folded_form(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _sheet_names(context: StepContext, file: CrawledFile) -> tuple[list[str], str]:
    """The visible sheets of a document; none, with a note, when it can't be read."""
    options = ReadOptions(max_bytes=context.settings.max_document_bytes)
    try:
        document = read_document(file.name, context.store.read(file.key).data, options)
    except WorkItemError as error:
        return [], f"its sheets can't be seen: {error.cause.value}"
    return [sheet.name for sheet in document.sheets], ""
