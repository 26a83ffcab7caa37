"""PDF: a page of lines for each page with text, laid out so that columns keep their gaps; pictures of pages without.

Nothing here recognises letters in pictures: a scanned page reaches the model as an image.
"""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_convert.contracts.document import Image, Part, TextPage
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.options import Contents, ReadOptions, listed
from llm_convert.documents.picture import media_type
from llm_convert.documents.text import split_lines
from llm_convert.errors import MissingExtraError

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

_MAX_PAGES = 2_000
_MAX_IMAGES = 20
_LOST_SHARE = 0.9
"""The laid-out text must have at least this share of the plain text's characters: rotated text is not laid out."""


@dataclass(slots=True)
class _Reading:
    parts: list[Part] = field(default_factory=list)
    images: int = 0
    plain: list[str] = field(default_factory=list)
    without_text: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    images_left_out: int = 0

    def notes(self) -> list[str]:
        said = (
            ("pages without text", self.without_text),
            ("pages that could not be read", self.unreadable),
            ("pages read without their layout", self.plain),
        )
        notes = [f"{what}: {listed(pages)}" for what, pages in said if pages]
        if self.images_left_out:
            notes.append(
                f"{self.images_left_out} pictures were left out: of a kind no model takes, or past {_MAX_IMAGES}"
            )
        return notes


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """A TextPage ``page N`` for each page with text; for the others Images ``page N image M``, at most 20 in all.

    Raises:
        WorkItemError: PASSWORD_PROTECTED, TOO_LARGE past 2,000 pages, EMPTY_DOCUMENT when no page holds text or a
            picture, UNREADABLE when that is because none could be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader, notes = _open(data)
        if len(reader.pages) > _MAX_PAGES:
            raise WorkItemError(
                Cause.TOO_LARGE, f"the PDF has {len(reader.pages):,} pages; at most {_MAX_PAGES:,} are read"
            )
        reading = _Reading()
        for number, page in enumerate(reader.pages, start=1):
            _read_page(page, f"page {number}", reading)
    if not reading.parts:
        cause = Cause.UNREADABLE if reading.unreadable else Cause.EMPTY_DOCUMENT
        raise WorkItemError(cause, "; ".join(("the PDF has no text and no pictures", *reading.notes())))
    return Contents(parts=tuple(reading.parts), notes=(*notes, *reading.notes()))


def _open(data: bytes) -> tuple[PdfReader, list[str]]:
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise MissingExtraError("pypdf", "documents") from None
    # It logs each oddity of a file, with pieces of the file; what matters becomes a note here.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if not reader.is_encrypted:
            return reader, []
        if not reader.decrypt(""):
            raise WorkItemError(Cause.PASSWORD_PROTECTED, "the PDF has a password")
    except FileNotDecryptedError:
        raise WorkItemError(Cause.PASSWORD_PROTECTED, "the PDF has a password") from None
    except DependencyError:
        raise MissingExtraError("cryptography", "documents") from None
    return reader, ["the PDF is encrypted with an empty password"]


def _read_page(page: PageObject, name: str, reading: _Reading) -> None:
    try:
        text, laid_out = _text(page)
    except Exception:  # noqa: BLE001 - pypdf raises anything at damaged pages; the other pages still count
        reading.unreadable.append(name)
        return
    lines = split_lines(text)
    if lines:
        reading.parts.append(TextPage(name=name, lines=tuple(line.rstrip() for line in lines)))
        if not laid_out:
            reading.plain.append(name)
        return
    reading.without_text.append(name)
    _read_images(page, name, reading)


def _text(page: PageObject) -> tuple[str, bool]:
    """The page's text, and whether it is laid out."""
    plain = page.extract_text()
    try:
        laid_out = page.extract_text(extraction_mode="layout", layout_mode_space_vertically=False)
    except Exception:  # noqa: BLE001 - the layout of odd fonts fails where plain extraction does not
        return plain, False
    if _characters(laid_out) < _LOST_SHARE * _characters(plain):
        return plain, False
    return laid_out, True


def _characters(text: str) -> int:
    return sum(map(len, text.split()))


def _read_images(page: PageObject, name: str, reading: _Reading) -> None:
    try:
        keys = list(page.images.keys())
    except Exception:  # noqa: BLE001 - see _read_page
        reading.unreadable.append(f"{name} (pictures)")
        return
    for number, key in enumerate(keys, start=1):
        if reading.images >= _MAX_IMAGES:
            reading.images_left_out += 1
            continue
        image = _image(page, key)
        kind = image and media_type(image)
        if not image or not kind:
            reading.images_left_out += 1
            continue
        reading.images += 1
        reading.parts.append(Image(name=f"{name} image {number}", media_type=kind, data=image))


def _image(page: PageObject, key: str | list[str]) -> bytes | None:
    try:
        return page.images[key].data
    except Exception:  # noqa: BLE001 - see _read_page; without Pillow it is an ImportError
        return None
