"""Programs that are kept: by tenant, prompt and layout, with who wrote them, when, for which document, how proven."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Any

from llm_convert.contracts import keys
from llm_convert.contracts.base import Contract
from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import DataError, ObjectNotFoundError, PreconditionFailedError
from llm_convert.objects import create_model, find_model, overwrite, remove
from llm_convert.ports import ObjectStore
from llm_convert.programs.fingerprint import Fingerprint, differences, fingerprint, learned
from llm_convert.programs.run import Run
from llm_convert.programs.sketch import sketch_of

log = logging.getLogger(__name__)

PERSON = "person"
"""The writer of a program that somebody keeps by hand."""


class Provenance(Contract):
    """Where a program comes from."""

    written_by: str
    """A provider and model such as ``vertex/claude-sonnet-4-6``, or ``PERSON``."""
    at: str
    """ISO 8601, UTC."""
    document_sha256: str
    """The document that it was accepted for."""
    run_id: str = ""


class KeptProgram(Contract):
    """A program for one layout of a tenant's documents under one prompt."""

    prompt_id: str
    target: str
    """Digest of the output schema that it fills: with other fields it is another program's work."""
    program: dict[str, Any]
    layout: Fingerprint
    headers: tuple[str, ...] = ()
    """The sketch of its document, to tell a layout that has drifted from another one; empty: not known."""
    provenance: Provenance
    version: int = 1
    pinned: bool = False
    """A person wants exactly this one: nothing replaces it."""
    proven_on: int = 1
    """Documents whose rows it gave, all of them proven."""
    replaces: str = ""
    """The id of the version before."""
    beside: str = ""
    """Of a program that stands beside one that a person has pinned for the same layout: what tells it apart."""

    @property
    def id(self) -> str:
        """Of the layout: one program a layout, but for what stands beside a pinned one."""
        return f"{self.layout.digest}-{self.beside}" if self.beside else self.layout.digest


def target_digest(prompt: Prompt) -> str:
    """Of what a prompt's rows look like; its instructions and checks aside."""
    return hashlib.sha256(prompt.output.to_json()).hexdigest()[:16]


def keep(
    run: Run, prompt: Prompt, provenance: Provenance, *, before: KeptProgram | None = None, pinned: bool = False
) -> KeptProgram:
    """A run's program as it is kept for the layout of the run's document."""
    return KeptProgram(
        prompt_id=prompt.prompt_id,
        target=target_digest(prompt),
        program=run.program.to_data(),
        layout=fingerprint(run),
        headers=tuple(sorted(sketch_of(plane.sheet for plane in run.planes))),
        provenance=provenance,
        version=before.version + 1 if before else 1,
        replaces=before.id if before else "",
        pinned=pinned,
    )


class ProgramStore:
    """A tenant's kept programs."""

    def __init__(self, store: ObjectStore, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    def all(self, prompt_id: str = "") -> list[KeptProgram]:
        """Those of a prompt, or of all, the most proven first."""
        found = [kept for kept in self._all(prompt_id) if kept is not None]
        return sorted(found, key=lambda kept: (not kept.pinned, -kept.proven_on, kept.prompt_id, kept.id))

    def find(self, prompt_id: str, program_id: str) -> KeptProgram | None:
        """One by its id."""
        return find_model(self._store, self._key(prompt_id, program_id), KeptProgram)

    def put(self, kept: KeptProgram) -> bool:
        """Keep a program; False where a person has pinned another for this layout."""
        standing = self.find(kept.prompt_id, kept.id)
        if standing is not None and standing.pinned and not kept.pinned:
            return False
        if standing is not None and (standing.program, standing.pinned) == (kept.program, kept.pinned):
            # Somebody else had the same one written at the same time, or its writer says that it fits as it is.
            if differences(standing.layout, kept.layout):
                known = standing.model_copy(update={"layout": learned(standing.layout, kept.layout)})
                overwrite(self._store, self._key(kept.prompt_id, kept.id), known.to_json())
            return True
        if standing is None and create_model(self._store, self._key(kept.prompt_id, kept.id), kept):
            return True
        overwrite(self._store, self._key(kept.prompt_id, kept.id), kept.to_json())
        return True

    def put_beside(self, kept: KeptProgram) -> KeptProgram:
        """Keep a program, under an id of its own where a person has pinned another for this layout; as it is kept."""
        if self.put(kept):
            return kept
        digest = hashlib.sha256(json.dumps(kept.program, sort_keys=True).encode()).hexdigest()
        own = kept.model_copy(update={"beside": digest[:8]})
        self.put(own)
        return own

    def forget(self, kept: KeptProgram) -> None:
        """Keep it no longer."""
        remove(self._store, self._key(kept.prompt_id, kept.id))

    def count(self, prompt_id: str, program_id: str, times: int, shown: Fingerprint) -> None:
        """Count documents that it gave the rows of, and learn what they showed of the layout together. Of two that
        count at once one may be lost: it orders what is tried first, and a blank is learnt another week.
        """
        try:
            held = self._store.read(self._key(prompt_id, program_id))
            now = KeptProgram.from_json(held.data)
            counted = now.model_copy(update={"proven_on": now.proven_on + times, "layout": learned(now.layout, shown)})
            self._store.replace(self._key(prompt_id, program_id), counted.to_json(), if_version=held.version)
        except (ObjectNotFoundError, PreconditionFailedError):
            return

    def _all(self, prompt_id: str) -> Iterator[KeptProgram | None]:
        for info in self._store.list(keys.programs(self._tenant, prompt_id)):
            try:
                yield find_model(self._store, info.key, KeptProgram)
            except DataError as error:
                # One that another version of this package wrote: as good as none.
                log.warning("a kept program can't be read: %s", error)

    def _key(self, prompt_id: str, program_id: str) -> str:
        return f"{keys.programs(self._tenant, prompt_id)}{program_id}.json"
