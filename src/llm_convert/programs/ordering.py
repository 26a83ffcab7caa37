"""Order and uniqueness of records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from llm_convert.contracts.base import Scalar
from llm_convert.programs.controls import Order, Unique
from llm_convert.programs.periods import parse_period
from llm_convert.programs.run import Record
from llm_convert.programs.sums import Compared, grouped, number_of
from llm_convert.readings import ReadingError, text_of

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def check_order(check: Order, records: Sequence[Record]) -> Compared:
    """Each row's field against that of the row before it in its group; repeats of the same row's values count once."""
    compared = Compared()
    for group in grouped(records, check.by).values():
        before: Record | None = None
        for record in group:
            if record.value(check.field) is None:
                continue
            if before is not None and record.value(check.field) != before.value(check.field):
                compared.count += 1
                _compare(check, compared, before, record)
            before = record
    return compared


def _compare(check: Order, compared: Compared, before: Record, after: Record) -> None:
    a, b = _comparable(before.value(check.field)), _comparable(after.value(check.field))
    places = (*after.at(check.field)[:1], *before.at(check.field)[:1])
    said = f"{text_of(after.value(check.field))!r} follows {text_of(before.value(check.field))!r}"
    try:
        wrong = a < b if check.down else a > b  # type: ignore[operator]
    except TypeError:
        compared.broken.append((f"{said}: they can't be compared", places))
        return
    if wrong:
        compared.broken.append((f"{said}, out of order", places))
    elif check.step is not None and not _one_step(a, b, check):
        compared.broken.append((f"{said}, not one {check.step} on", places))


def _one_step(a: object, b: object, check: Order) -> bool:
    if not isinstance(a, date) or not isinstance(b, date):
        return False
    first, last = (b, a) if check.down else (a, b)
    if check.step == "day":
        return (last - first).days == 1
    months = (last.year - first.year) * 12 + last.month - first.month
    return months == _MONTHS[check.step or "year"] and first.day == last.day


def _comparable(value: Scalar) -> object:
    """A date where it is one, else a number, else text."""
    if isinstance(value, str):
        try:
            return parse_period(value).first
        except ReadingError:
            pass
    number = number_of(value)
    return number if number is not None else text_of(value)


def check_unique(check: Unique, records: Sequence[Record]) -> Compared:
    """Every repeated key, with the places of its rows."""
    compared = Compared(count=len(records))
    for key, group in grouped(records, check.fields).items():
        if len(group) > 1:
            places = tuple(record.at(check.fields[0])[0] for record in group if record.at(check.fields[0]))
            names = ", ".join(f"{name} {text_of(value)!r}" for name, value in zip(check.fields, key, strict=True))
            compared.broken.append((f"{len(group)} rows have {names}", places[:12] or _cells(group)))
    return compared


def _cells(group: Sequence[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(got.at[0] for record in group for got in record.got.values() if got.at))[:6]
