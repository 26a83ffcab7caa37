"""A document as a model reads it: every cell and line beside the address that an answer must cite.

Each line that quotes the document begins with its number, and nothing in the document can begin another line: so no
text in it can pass for ours.
"""

from __future__ import annotations

from llm_convert.contracts.document import CellRange, Document, Image, Sheet, TextPage, cell_reference, column_letters
from llm_convert.contracts.shown import one_line
from llm_convert.ports import ImageContent, TextContent
from llm_convert.readings import text_of


def render(document: Document) -> tuple[TextContent | ImageContent, ...]:
    """The document's parts in reading order; images as images, each named before it is shown."""
    content: list[TextContent | ImageContent] = []
    for part in document.parts:
        match part:
            case Sheet():
                content.append(TextContent(text=render_sheet(part)))
            case TextPage():
                content.append(TextContent(text=render_page(part)))
            case Image():
                content.append(TextContent(text=f"# image {part.name!r}; cite it as {part.name}!image"))
                content.append(ImageContent(media_type=part.media_type, data=part.data))
    return tuple(content)


def render_sheet(sheet: Sheet) -> str:
    """Tab-separated cells under column letters, empty rows left out, merged ranges named."""
    columns = "\t".join(["", *map(column_letters, range(sheet.width))])
    lines = [f"# sheet {sheet.name!r}; cite a cell as {sheet.name}!A1", columns]
    for index, row in enumerate(sheet.rows):
        if any(value is not None for value in row):
            lines.append("\t".join([str(index + 1), *(_quoted(text_of(value)) for value in row)]))
    if sheet.merged:
        lines.append("merged: " + " ".join(map(_range, sheet.merged)))
    return "\n".join(lines)


def render_page(page: TextPage) -> str:
    """Numbered lines."""
    lines = [f"# text {page.name!r}; cite a line as {page.name}!line 1"]
    return "\n".join(lines + [f"{number}\t{_quoted(text)}" for number, text in enumerate(page.lines, 1)])


def _quoted(text: str) -> str:
    return one_line(text, line_end=" ⏎ ")


def _range(cells: CellRange) -> str:
    return f"{cell_reference(cells.top, cells.left)}:{cell_reference(cells.bottom, cells.right)}"
