"""Values on the wire: from a result to the REST API's cells, and from JSON, CSV and parameters to Python."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import invalid
from llm_convert.testing.emulators.bigquery.types import STANDARD, Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


def row_cells(row: Mapping[str, Any], fields: list[Field], *, micros: bool) -> dict[str, Any]:
    """A row as ``{"f": [{"v": ...}, ...]}``.

    Args:
        micros: timestamps are whole microseconds since 1970; else seconds with a fraction.
    """
    return {"f": [{"v": cell(row[field["name"]], field, micros=micros)} for field in fields]}


def cell(value: Any, field: Field, *, micros: bool) -> Any:
    """One value; an array that is null is an empty one, as BigQuery stores it."""
    if field.get("mode") == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return [{"v": cell(item, inner, micros=micros)} for item in value or ()]
    if value is None:
        return None
    if field["type"] == "RECORD":
        return row_cells(value, field["fields"], micros=micros)
    return _text(value, field["type"], micros)


def _text(value: Any, kind: str, micros: bool) -> str:
    match kind:
        case "BOOLEAN":
            return "true" if value else "false"
        case "FLOAT":
            return _float(value)
        case "NUMERIC" | "BIGNUMERIC":
            return decimal_text(value)
        case "BYTES":
            return base64.b64encode(value).decode()
        case "TIMESTAMP":
            return _timestamp(value, micros)
        case "DATE" | "TIME" | "DATETIME":
            return str(value.isoformat())
        case "INTERVAL":
            return _interval(value)
        case _:
            return str(value)


def decimal_text(value: Decimal) -> str:
    """Every digit that matters, and no others."""
    said = f"{value:f}"
    said = said.rstrip("0").rstrip(".") if "." in said else said
    return "0" if said in {"-0", ""} else said


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))


def _timestamp(value: datetime, micros: bool) -> str:
    since = value - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return str(whole) if micros else repr(whole / 1_000_000)


def _interval(value: Any) -> str:
    months, days, nanoseconds = value
    micros = abs(nanoseconds) // 1_000
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    sign = "-" if months < 0 else ""
    years, months = divmod(abs(months), 12)
    tail = f".{fraction:06}" if fraction else ""
    return f"{sign}{years}-{months} {days} {'-' if nanoseconds < 0 else ''}{hours}:{minutes}:{seconds}{tail}"


def decoded(value: Any, field: Field) -> Any:
    """A value of JSON or CSV as Python's, by its field. Raises ApiError when it is none of the type."""
    name = field["name"]
    if field.get("mode") == "REPEATED":
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid(f"Repeated field must be imported as a JSON array. Field: {name}.")
        inner = {**field, "mode": "NULLABLE"}
        return [decoded(item, inner) for item in value]
    if value is None:
        if field.get("mode") == "REQUIRED":
            raise invalid(f"Missing required field: {name}.", location=name)
        return None
    if field["type"] == "RECORD":
        if not isinstance(value, dict):
            raise invalid(f"This field: {name} is not a record.", location=name)
        return record(value, field["fields"], where=f"{name}.")
    try:
        return _parser(field["type"])(value)
    except (ValueError, ArithmeticError, TypeError) as error:
        kind = STANDARD.get(field["type"], field["type"])
        raise invalid(f"Could not parse '{value}' as {kind} for field {name}", location=name) from error


def record(
    value: Mapping[str, Any], fields: list[Field], *, where: str = "", ignore_unknown: bool = False
) -> dict[str, Any]:
    """A JSON object by its fields, names without regard to case. Raises ApiError for a name that is no field."""
    by_name = {field["name"].casefold(): field for field in fields}
    folded = {name.casefold(): inner for name, inner in value.items()}
    unknown = [name for name in value if name.casefold() not in by_name]
    if unknown and not ignore_unknown:
        raise invalid(f"no such field: {where}{unknown[0]}.", location=f"{where}{unknown[0]}")
    return {field["name"]: decoded(folded.get(key), field) for key, field in by_name.items()}


def _string(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError("a string was expected")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("no integer")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("beyond 64 bits")
    return number


def _real(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("no number")
    return float(value)


def _boolean(value: Any) -> bool:
    said = str(value).strip().lower()
    if said not in _TRUE | _FALSE:
        raise ValueError("no boolean")
    return said in _TRUE


def _decimal(scale: int) -> Callable[[Any], Decimal]:
    def parse(value: Any) -> Decimal:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError("no number") from None
        if not number.is_finite():
            raise ValueError("not finite")
        # BigQuery rounds half away from zero to the type's scale.
        with_scale = number.quantize(Decimal(1).scaleb(-scale), rounding="ROUND_HALF_UP", context=_WIDE)
        if len(with_scale.as_tuple().digits) > 38:
            raise ValueError("too many digits")
        return with_scale

    return parse


def _padded(value: Any) -> str:
    """A date with all four digits of its year."""
    said = str(value).strip()
    year, dash, rest = said.partition("-")
    return f"{year:0>4}-{rest}" if dash and year.isdigit() else said


def _timestamp_of(value: Any) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(0, UTC) + _seconds(Decimal(str(value)))
    said = _padded(value).removesuffix(" UTC").replace(" +", "+").replace("/", "-")
    if said.lstrip("-").replace(".", "", 1).isdigit():
        return _EPOCH + _seconds(Decimal(said))
    moment = datetime.fromisoformat(said)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _seconds(value: Decimal) -> timedelta:
    return timedelta(microseconds=int((value * 1_000_000).to_integral_value()))


def _datetime_of(value: Any) -> datetime:
    moment = datetime.fromisoformat(_padded(value))
    if moment.tzinfo:
        raise ValueError("a DATETIME has no zone")
    return moment


def _json(value: Any) -> str:
    # As text it must be JSON already; anything else is written as it is.
    if isinstance(value, str):
        json.loads(value)
        return value
    return json.dumps(value, ensure_ascii=False)


_WIDE = Context(prec=80)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True)


def _date(value: Any) -> date:
    return date.fromisoformat(_padded(value))


def _time(value: Any) -> time:
    return time.fromisoformat(str(value).strip())


def _parser(kind: str) -> Callable[[Any], Any]:
    return _PARSERS.get(kind, _string)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "INTEGER": _integer,
    "FLOAT": _real,
    "BOOLEAN": _boolean,
    "NUMERIC": _decimal(9),
    "BIGNUMERIC": _decimal(18),
    "BYTES": _bytes,
    "DATE": _date,
    "TIME": _time,
    "DATETIME": _datetime_of,
    "TIMESTAMP": _timestamp_of,
    "JSON": _json,
}
