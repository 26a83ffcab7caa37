"""Preconditions: a request goes ahead only when the resource is in the state that its caller expects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llm_convert.testing.emulators.gcs.errors import condition_not_met, not_modified
from llm_convert.testing.emulators.gcs.wire import Call, whole

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


class Versioned(Protocol):
    """What conditions are about: an object's version, or a bucket."""

    @property
    def generation(self) -> int:
        """Of the bytes."""

    @property
    def metageneration(self) -> int:
        """Of the metadata."""

    @property
    def etag(self) -> str:
        """Of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """All that one request asks for; None and empty ask for nothing."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etag_match: tuple[str, ...] = ()
    etag_not_match: tuple[str, ...] = ()

    @staticmethod
    def of(call: Call, *, prefix: str = "if") -> Conditions:
        """From a JSON API request; the prefix is ``ifSource`` for the source of a copy.

        Raises:
            RefusedError: a value is no number.
        """
        own = prefix == "if"
        not_match = call.number(f"{prefix}MetagenerationNotMatch")
        if not_match is None:
            # So the Python client spells it in uploads; what its caller asked for is meant all the same.
            not_match = call.number(f"{prefix}MetaGenerationNotMatch")
        return Conditions(
            generation_match=call.number(f"{prefix}GenerationMatch"),
            generation_not_match=call.number(f"{prefix}GenerationNotMatch"),
            metageneration_match=call.number(f"{prefix}MetagenerationMatch"),
            metageneration_not_match=not_match,
            etag_match=_tags(call.headers.get("if-match", "")) if own else (),
            etag_not_match=_tags(call.headers.get("if-none-match", "")) if own else (),
        )

    @staticmethod
    def of_headers(headers: Mapping[str, str], *, prefix: str = "x-goog-if-") -> Conditions:
        """From an XML API request; the prefix is ``x-goog-copy-source-if-`` for the source of a copy.

        Raises:
            RefusedError: a value is no number.
        """

        def number(name: str) -> int | None:
            full = f"{prefix}{name}"
            return whole(headers[full], full) if full in headers else None

        own = prefix == "x-goog-if-"
        return Conditions(
            generation_match=number("generation-match"),
            metageneration_match=number("metageneration-match"),
            etag_match=_tags(headers.get("if-match" if own else f"{prefix}match", "")),
            etag_not_match=_tags(headers.get("if-none-match" if own else f"{prefix}none-match", "")),
        )

    def check(self, target: Versioned | None) -> None:
        """Hold them against what is there now; None: nothing is.

        Raises:
            RefusedError: 412 where a match fails, 304 where a difference fails, as documented for reads and writes.
        """
        generation = target.generation if target else 0
        metageneration = target.metageneration if target else 0
        if self.generation_match not in {None, generation}:
            raise condition_not_met()
        if self.metageneration_match not in {None, metageneration}:
            raise condition_not_met()
        if self.etag_match and not _tagged(self.etag_match, target):
            raise condition_not_met()
        # "If no live object exists, the precondition fails": so for any number, not for 0 alone.
        if self.generation_not_match is not None and (target is None or self.generation_not_match == generation):
            raise not_modified()
        if self.metageneration_not_match == metageneration:
            raise not_modified()
        if self.etag_not_match and _tagged(self.etag_not_match, target):
            raise not_modified()


NONE = Conditions()
"""Goes ahead whatever is there."""


def _tags(header: str) -> tuple[str, ...]:
    return tuple(quoted or bare for quoted, bare in _TAG.findall(header))


def _tagged(tags: tuple[str, ...], target: Versioned | None) -> bool:
    return target is not None and ("*" in tags or target.etag in tags)
