"""What keeps an object from being deleted or overwritten: holds, its own retention, its bucket's retention policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid
from llm_convert.testing.emulators.gcs.records import ObjectVersion, timestamp
from llm_convert.testing.emulators.gcs.settings import moment_of

_HOLDS = (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based"))


def check_holds(version: ObjectVersion) -> None:
    """Raises RefusedError: a hold is on the version."""
    for setting, kind in _HOLDS:
        if version.settings.get(setting):
            said = (
                f"Object '{version.bucket}/{version.name}' is under active {kind} hold and cannot be deleted, "
                "overwritten or archived until hold is removed."
            )
            raise RefusedError(403, "objectUnderActiveHold", said)


def check_retention(version: ObjectVersion, now: datetime) -> None:
    """Raises RefusedError: the version must be kept for some time yet."""
    until = version.retained_until
    if until is not None and now < until:
        said = (
            f"Object '{version.bucket}/{version.name}' is subject to bucket's retention policy or object retention "
            f"and cannot be deleted or overwritten until {timestamp(until)}"
        )
        raise RefusedError(403, "retentionPolicyNotMet", said)


def check_new_retention(
    old: Mapping[str, Any], new: Mapping[str, Any], *, enabled: bool, overridden: bool
) -> dict[str, Any]:
    """An object's settings with its retention in order: an empty one is none.

    Args:
        old: the settings before.
        new: those that are wanted.
        enabled: the bucket allows retention of single objects.
        overridden: the caller means to shorten or remove what is not locked.

    Raises:
        RefusedError: it is incomplete, not allowed in this bucket, or would end too soon.
    """
    settings = dict(new)
    before, after = old.get("retention") or {}, settings.get("retention") or {}
    if not after:
        settings.pop("retention", None)
    if before == after:
        return settings
    if after and not enabled:
        raise invalid("Object retention is not enabled on the bucket.", "retention")
    if after and (after.get("mode") not in {"Locked", "Unlocked"} or not after.get("retainUntilTime")):
        raise invalid("Invalid retention: expected a mode, Locked or Unlocked, and a retainUntilTime.", "retention")
    shorter = bool(before) and (not after or moment_of(after["retainUntilTime"]) < moment_of(before["retainUntilTime"]))
    weaker = before.get("mode") == "Locked" and after.get("mode") != "Locked"
    if weaker or (shorter and (before.get("mode") == "Locked" or not overridden)):
        said = "Object retention can't be shortened or removed: it is locked, or overrideUnlockedRetention is not set."
        raise RefusedError(403, "forbidden", said)
    return settings
