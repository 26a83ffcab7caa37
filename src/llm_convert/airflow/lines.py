"""A job's messages and a step's result as lines of the task's log. No document text ever stands in one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from llm_convert.contracts.messages import Closed, ItemDone, Log, Message, Opened, Progress, Tokens
from llm_convert.contracts.report import ItemReport, RunSummary, format_usd
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Outcome, told_of

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def said(message: Message) -> tuple[int, str] | None:
    """The logging level and the line of a message; None for what must not stand in a log."""
    match message:
        case Opened():
            return logging.INFO, f"started: {_count(message.items, 'document')} with {message.provider}"
        case Progress():
            return logging.INFO, _progress(message)
        case ItemDone():
            return _item(message.item)
        case Log():
            return _LEVELS[message.level], message.text
        case Tokens():
            return None
        case Closed():
            return _closed(message)


def summary_line(summary: RunSummary) -> str:
    """A finished run in one line."""
    parts = [
        f"{summary.succeeded} succeeded ({summary.reused} of them from earlier runs)",
        f"{summary.failed} failed",
        f"{summary.clarify} to clarify",
        f"{summary.skipped} skipped",
        _count(summary.rows, "row"),
        f"{summary.quarantined:,} quarantined",
        *(f"{count:,} by {strategy}" for strategy, count in summary.strategies.items()),
        *([f"{summary.drifted:,} drifted"] if summary.drifted else []),
        _count(summary.calls, "call"),
        f"{summary.cost_usd} USD",
    ]
    return f"run {summary.run_id} is done: {', '.join(parts)}; report: {summary.report_uri}"


def result_line(step: str, source: str, result: Mapping[str, Any]) -> str:
    """What a step returned, in one line."""
    facts = ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in result.items())
    return f"{step}{' ' + source if source else ''} is done: {facts or 'nothing to tell'}"


def _progress(message: Progress) -> str:
    done = f"{message.done:,} of {_count(message.total, 'document')}"
    parts = [done, *_used(message.usage, message.rows)]
    if message.seconds_left is not None:
        parts.append(f"about {message.seconds_left:.0f} s left")
    return ", ".join(parts)


def _used(usage: Usage, rows: int) -> list[str]:
    return [_count(usage.calls, "call"), _count(rows, "row"), f"{format_usd(usage.cost_microusd)} USD"]


def _item(item: ItemReport) -> tuple[int, str]:
    parts = [item.outcome.value, _count(item.rows, "row")]
    if item.quarantined:
        parts.append(f"{item.quarantined:,} quarantined")
    if item.reused:
        parts.append("from an earlier run")
    line = f"{item.document}: {', '.join(parts)}"
    if item.cause is not None:
        line += f", {told_of(item.cause)}"
    quiet = item.optional or item.outcome in {Outcome.SUCCEEDED, Outcome.SKIPPED}
    return (logging.INFO if quiet and not item.quarantined else logging.WARNING), line


def _closed(message: Closed) -> tuple[int, str]:
    reason = f": {message.reason}" if message.reason else ""
    level = logging.ERROR if message.exit_code else logging.INFO
    return level, f"ended with exit code {message.exit_code} after {_count(message.items, 'document')}{reason}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _value(value: object) -> str:
    match value:
        case bool() | None:
            return str(value).lower()
        case int():
            return f"{value:,}"
        case dict():
            return " and ".join(f"{key} {_value(held)}" for key, held in value.items()) or "none"
        case list() | tuple() if all(isinstance(held, str) for held in value):
            return " and ".join(value) or "none"
        case list() | tuple():
            # What they hold is for the XCom: it may quote a document.
            return f"{len(value):,}"
        case _:
            return str(value)
