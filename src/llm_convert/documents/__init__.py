"""Bytes to Document: one module a format, the format told from the content and never from the name.

This room only reads. It does not guess types of texts, convert units, drop rows or look into pictures, and it imports
nothing of ours but ``contracts`` and ``errors``. Whatever the bytes are, the only error about them is WorkItemError.
"""

from llm_convert.documents.kinds import sniff
from llm_convert.documents.options import ReadOptions
from llm_convert.documents.reader import read_document

__all__ = ["ReadOptions", "read_document", "sniff"]
