"""Order and uniqueness of records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby, pairwise

from llm_convert.contracts.base import Scalar
from llm_convert.programs.controls import Order, Unique
from llm_convert.programs.periods import parse_period
from llm_convert.programs.run import Record
from llm_convert.programs.sums import Compared, Said, grouped, number_of
from llm_convert.programs.values import Got
from llm_convert.readings import ReadingError, text_of

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def check_order(check: Order, records: Sequence[Record]) -> Compared:
    """Each row's field against that of the row before it in its group; equal neighbours count once."""
    compared = Compared()
    for group in grouped(records, check.by).values():
        filled = [record for record in group if record.value(check.field) is not None]
        runs = [list(run) for _, run in groupby(filled, key=lambda record: record.value(check.field))]
        if check.mend:
            _mend(check, compared, runs)
        compared.count += max(0, len(runs) - 1)
        for before, after in pairwise(runs):
            _compare(check, compared, before[0], after[0])
    return compared


def _mend(check: Order, compared: Compared, runs: Sequence[list[Record]]) -> None:
    """Correct a date between two in order, where another day, month or year alone puts it between them."""
    for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
        low, own, high = (_comparable(one[0].value(check.field)) for one in (before, run, after))
        if check.down:
            low, high = high, low
        if not (isinstance(low, date) and isinstance(own, date) and isinstance(high, date)):
            continue
        if low < high and not low < own < high and (day := _only_candidate(low, own, high)) is not None:
            old = run[0].value(check.field)
            at = tuple(dict.fromkeys((*run[0].at(check.field), *before[0].at(check.field), *after[0].at(check.field))))
            said = f"{text_of(old)!r} between {low} and {high} is taken as {day}"
            for record in run:
                record.corrected = said
                record.replace(check.field, Got(day.isoformat(), at))
            compared.mended.append(Said(said, at))


def _only_candidate(low: date, own: date, high: date) -> date | None:
    span = [low + timedelta(days=count) for count in range(1, min((high - low).days, 400))]
    found = [day for day in span if (day.year != own.year) + (day.month != own.month) + (day.day != own.day) == 1]
    return found[0] if len(found) == 1 else None


def _compare(check: Order, compared: Compared, before: Record, after: Record) -> None:
    a, b = _comparable(before.value(check.field)), _comparable(after.value(check.field))
    places = (*after.at(check.field)[:1], *before.at(check.field)[:1])
    said = f"{text_of(after.value(check.field))!r} follows {text_of(before.value(check.field))!r}"
    try:
        wrong = a < b if check.down else a > b  # type: ignore[operator]
    except TypeError:
        compared.broken.append(Said(f"{said}: they can't be compared", places))
        return
    if wrong:
        compared.broken.append(Said(f"{said}, out of order", places))
    elif check.step is not None and not _one_step(a, b, check):
        compared.broken.append(Said(f"{said}, not one {check.step} on", places))


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
            compared.broken.append(Said(f"{len(group)} rows have {names}", places[:12] or _cells(group)))
    return compared


def _cells(group: Sequence[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(got.at[0] for record in group for got in record.got if got.at))[:6]
