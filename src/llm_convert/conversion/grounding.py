"""Whether a claimed value really stands where it says: the promise that no number is invented.

Pure: an answer, a prompt and a document give proven and quarantined rows. A value is supported when what stands at its
addresses, read by the same readings, equals it. Everything else is quarantined with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from decimal import Decimal

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import AddressError, CellValue, Document, Image
from llm_convert.contracts.prompt import Layout, OutputField, Prompt, folded
from llm_convert.contracts.shown import one_line
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Answer, Claimed, QuarantinedRow, Row
from llm_convert.conversion.nearest import nearest_place
from llm_convert.readings import ReadingError, declared_unit, find_dates, find_numbers, read, same, scaled, text_of

NUMERIC = {FieldType.INTEGER, FieldType.NUMBER, FieldType.DECIMAL}
STRUCTURAL = {"sheet", "table_number"}
"""Fields of the ``any_table`` layout that say which table a row is of; they stand in no cell."""
_CLOCK = re.compile(r"\d:[0-5]\d")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


IN_AN_IMAGE = "stands in an image"
"""The reason that no better answer can take away."""


class Unsupported(Exception):  # noqa: N818 - control flow within this module, never leaves it
    """Why one value is not proven."""


def prove(answer: Answer, prompt: Prompt, document: Document) -> tuple[list[Row], list[QuarantinedRow]]:
    """Split an answer's rows into proven and quarantined ones, in the answer's order."""
    proven: list[Row] = []
    quarantined: list[QuarantinedRow] = []
    for claimed in answer.rows:
        row, reasons = prove_row(claimed, prompt, document)
        if reasons:
            quarantined.append(QuarantinedRow(row=row, reasons=tuple(reasons)))
        else:
            proven.append(row)
    return proven, quarantined


def prove_row(
    claimed: dict[str, Claimed], prompt: Prompt, document: Document, *, derived: Collection[str] = ()
) -> tuple[Row, list[str]]:
    """One row with canonical values, and the reasons that speak against it.

    Args:
        claimed: the row as it was answered.
        prompt: names the fields.
        document: where the addresses lead.
        derived: fields whose values code made from what stands at their addresses, by a declared reading: they need not
            equal it. Nothing that a model answered is one.
    """
    values: dict[str, Scalar] = {}
    at: dict[str, tuple[str, ...]] = {}
    reasons = [
        f"{name}: no such field in the schema" for name in claimed if name not in {f.name for f in prompt.output.fields}
    ]
    for field in prompt.output.fields:
        claim = claimed.get(field.name, Claimed(value=None))
        at[field.name] = claim.at
        try:
            made = field.name in derived
            values[field.name] = (
                _made_value(field, claim, document) if made else _proven_value(field, claim, prompt, document)
            )
        except (Unsupported, ReadingError, AddressError) as error:
            values[field.name] = claim.value
            reasons.append(f"{field.name}: {error}")
    return Row(values=values, at={name: places for name, places in at.items() if places}), reasons


def number_stands(field: OutputField, claim: Claimed, text: str, document: Document) -> bool:
    """Whether a numeric field's value is what a text says, in the unit that its further addresses state."""
    try:
        value = _canonical(field, claim.value)
        statements = [document.resolve(address) for address in claim.at[1:]]
        return value is not None and _number_supported(field, value, [text, *statements])
    except (Unsupported, ReadingError, AddressError):
        return False


def _made_value(field: OutputField, claim: Claimed, document: Document) -> Scalar:
    value = _canonical(field, claim.value)
    if value is None and field.required:
        raise Unsupported("is required and blank")
    for address in claim.at:
        document.resolve(address)
    return value


def _proven_value(field: OutputField, claim: Claimed, prompt: Prompt, document: Document) -> Scalar:
    value = _canonical(field, claim.value)
    if value is None:
        if field.required:
            raise Unsupported("is required and blank")
        return None
    if not claim.at:
        if prompt.output.layout is Layout.ANY_TABLE and field.name in STRUCTURAL:
            return value
        raise Unsupported(f"{value!r} names no place in the document")
    for address in claim.at:
        if isinstance(document.part(address.rpartition("!")[0]), Image):
            raise Unsupported(f"{value!r} {IN_AN_IMAGE}, where code can't check it")
    sources = [document.resolve(address) for address in claim.at]
    if not _supported(field, value, sources):
        nearest = nearest_place(claim.at[0], document, lambda source: _supported(field, value, [source, *sources[1:]]))
        instead = f"; it stands at {nearest}" if nearest else ""
        raise Unsupported(f"{value!r} is not what stands at {' and '.join(claim.at)}{instead}")
    return value


def _canonical(field: OutputField, value: Scalar) -> Scalar:
    found = read(value, field.type)
    if found is None or not field.values:
        return found
    for allowed in field.values:
        if folded(allowed) == folded(str(found)):
            return allowed
    raise Unsupported(f"{found!r} is none of {', '.join(field.values)}")


def _supported(field: OutputField, value: Scalar, sources: list[CellValue]) -> bool:
    if field.type in NUMERIC:
        return _number_supported(field, value, sources)
    if field.type in {FieldType.DATE, FieldType.DATETIME}:
        return _date_supported(field, value, sources)
    if field.type is FieldType.TEXT:
        return _text_supported(field, str(value), [text_of(source) for source in sources])
    return len(sources) == 1 and same(read(sources[0], field.type), value)


def _number_supported(field: OutputField, value: Scalar, sources: list[CellValue]) -> bool:
    """The first address is the number's; each further one must state its unit, and one at most a scale."""
    scale = Decimal(1)
    for statement in sources[1:]:
        unit = declared_unit(text_of(statement))
        if unit is None:
            raise Unsupported(f"{text_of(statement)[:40]!r} states no unit")
        if field.unit and unit.name and folded(unit.name) != folded(field.unit):
            raise Unsupported(f"the unit {unit.name} is not the wanted {field.unit}")
        if unit.scale != 1 and scale != 1:
            raise Unsupported("two of its addresses state a scale, and a number has one")
        scale *= unit.scale
    numbers = [sources[0], *(find_numbers(sources[0]) if isinstance(sources[0], str) else ())]
    return any(_reads_as(number, scale, field.type, value) for number in numbers)


def _reads_as(number: CellValue | Decimal, scale: Decimal, type: FieldType, value: Scalar) -> bool:
    """Whether what stands in a cell, or one of the numbers in a line, reads as the value."""
    stands = format(number, "f") if isinstance(number, Decimal) else number
    try:
        return same(scaled(stands, scale, type) if scale != 1 else read(stands, type), value)
    except ReadingError:
        return False


def _date_supported(field: OutputField, value: Scalar, sources: list[CellValue]) -> bool:
    """The date itself, a date inside a text, or a day whose year stands at a further address."""
    try:
        if len(sources) == 1 and same(read(sources[0], field.type), value):
            return True
    except ReadingError:
        pass
    day = str(value)[:10]
    timed = field.type is FieldType.DATETIME and _CLOCK.search(text_of(sources[0]))
    if timed or (field.type is FieldType.DATETIME and not str(value).endswith("T00:00:00")):
        # A time is read with its day or not at all: midnight would be made up.
        return False
    years: list[int | None] = [int(year) for source in sources[1:] for year in _YEAR.findall(text_of(source))]
    return any(
        found.isoformat() == day for year in years or [None] for found in find_dates(text_of(sources[0]), year=year)
    )


def _text_supported(field: OutputField, value: str, texts: list[str]) -> bool:
    wanted = _spaced(value)
    if len(texts) > 1:
        return wanted in {_spaced(" > ".join(texts)), _spaced(" ".join(texts)), _spaced("".join(texts))}
    if field.values:
        return folded(value) in folded(texts[0])
    return wanted == _spaced(texts[0]) or _holds(_spaced(texts[0]), wanted)


def _holds(text: str, part: str) -> bool:
    """Whether a text holds a part that begins and ends where words of one script do: ``23`` is not in ``1234``."""
    return (
        re.search(
            rf"(?<!\d){re.escape(part)}(?!\d)" if part[:1].isdigit() or part[-1:].isdigit() else re.escape(part), text
        )
        is not None
    )


def _spaced(text: str) -> str:
    # As the view shows it: a model can't copy what it is not shown.
    return " ".join(one_line(unicodedata.normalize("NFC", text)).split())
