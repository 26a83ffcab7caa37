"""What the service adds to a bucket's settings by itself: defaults, and the times since when something holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from llm_convert.testing.emulators.gcs.errors import RefusedError
from llm_convert.testing.emulators.gcs.records import timestamp

SOFT_DELETE_SECONDS = 7 * 24 * 3600
_UNIFORM_FOR_GOOD_AFTER = timedelta(days=90)
_POLICY = "retentionPolicy"


def completed(old: Mapping[str, Any], new: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """New settings as the service keeps them.

    Raises:
        RefusedError: a locked retention policy would become shorter.
    """
    settings, moment = dict(new), timestamp(now)
    _soft_delete(old, settings, moment)
    _retention(old, settings, moment)
    _uniform_access(old, settings, now)
    _autoclass(old, settings, moment)
    return settings


def _soft_delete(old: Mapping[str, Any], settings: dict[str, Any], moment: str) -> None:
    policy = dict(settings.get("softDeletePolicy") or {})
    policy["retentionDurationSeconds"] = str(policy.get("retentionDurationSeconds", SOFT_DELETE_SECONDS))
    settings["softDeletePolicy"] = _since(old.get("softDeletePolicy"), policy, "retentionDurationSeconds", moment)


def _retention(old: Mapping[str, Any], settings: dict[str, Any], moment: str) -> None:
    before, after = old.get(_POLICY) or {}, dict(settings.get(_POLICY) or {})
    period, held = int(after.get("retentionPeriod") or 0), int(before.get("retentionPeriod") or 0)
    if before.get("isLocked") and period < held:
        said = "Cannot reduce retention duration of a locked Retention Policy for bucket."
        raise RefusedError(403, "forbidden", said)
    if not period:
        settings.pop(_POLICY, None)
        return
    after["retentionPeriod"] = str(period)
    if before.get("isLocked"):
        after["isLocked"] = True
    settings[_POLICY] = _since(before, after, "retentionPeriod", moment)


def _since(old: Mapping[str, Any] | None, new: dict[str, Any], what: str, moment: str) -> dict[str, Any]:
    same = bool(old) and str((old or {}).get(what)) == new[what]
    return {**new, "effectiveTime": (old or {}).get("effectiveTime", moment) if same else moment}


def _uniform_access(old: Mapping[str, Any], settings: dict[str, Any], now: datetime) -> None:
    access = (settings.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    if not access.get("enabled"):
        return
    before = (old.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    locked = before.get("lockedTime") or timestamp(now + _UNIFORM_FOR_GOOD_AFTER)
    settings["iamConfiguration"] = {
        **settings["iamConfiguration"],
        "uniformBucketLevelAccess": {**access, "lockedTime": locked},
    }


def _autoclass(old: Mapping[str, Any], settings: dict[str, Any], moment: str) -> None:
    wanted, before = settings.get("autoclass"), old.get("autoclass") or {}
    if not wanted or not wanted.get("enabled"):
        settings.pop("autoclass", None)
        return
    terminal = wanted.get("terminalStorageClass") or "NEARLINE"
    same = terminal == before.get("terminalStorageClass")
    settings["autoclass"] = {
        "enabled": True,
        "toggleTime": before.get("toggleTime", moment),
        "terminalStorageClass": terminal,
        "terminalStorageClassUpdateTime": before["terminalStorageClassUpdateTime"] if same else moment,
    }


_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
MAX_LABELS = 64


def label_fault(labels: Mapping[str, str | None]) -> str:
    """What is wrong with a bucket's labels; nothing where nothing is."""
    if len(labels) > MAX_LABELS:
        return f"{len(labels)} labels; at most {MAX_LABELS} are allowed"
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or key != key.lower():
            return f"the key {key!r}; expected at most 63 lower-case letters, digits, _ and -, a letter first"
        if value is not None and (not _LABEL_VALUE.fullmatch(value) or value != value.lower()):
            return f"the value {value!r} of {key!r}; expected at most 63 lower-case letters, digits, _ and -"
    return ""
