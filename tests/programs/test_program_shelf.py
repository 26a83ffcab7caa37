"""Kept programs as a job works with them: few looks at the store, and one write for all that they proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs_kit import document, prompt, run, sheet, table

from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import StoreError
from llm_convert.ports import ObjectInfo, StoredObject
from llm_convert.programs import KeptProgram, ProgramStore, Provenance, Shelf, fingerprint, keep
from llm_convert.stores.local import LocalObjectStore

PROMPT = prompt({"name": "item"}, {"name": "amount", "type": "decimal"})
PROGRAM = table("""
    anchor: ^품목$
    values: ^금액$
    fields: {item: {column: ^품목$}, amount: {}}
""")
SHEET = sheet(["품목", "금액"], ["샴푸", 100], ["린스", 250])


class CountingStore(LocalObjectStore):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.asked["list"] += 1
        return super().list(prefix)

    def read(self, key: str) -> StoredObject:
        self.asked["read"] += 1
        return super().read(key)

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        self.asked["replace"] += 1
        return super().replace(key, data, if_version=if_version)


def kept_for(used: Prompt, program: str = PROGRAM) -> KeptProgram:
    provenance = Provenance(written_by="person", at="2025-11-07T00:00:00+00:00", document_sha256="0" * 64)
    return keep(run(program, SHEET, prompt=used), used, provenance)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path)


@pytest.fixture
def shelf(store: CountingStore) -> Shelf:
    ProgramStore(store, "t1").put(kept_for(PROMPT))
    store.asked.clear()
    return Shelf(ProgramStore(store, "t1"), monotonic=lambda: clock[0])


clock = [0.0]


def fitting(shelf: Shelf) -> list[KeptProgram]:
    return [trial.kept for trial in shelf.trials(PROMPT, lambda styles: document(SHEET)) if not trial.changed]


def test_a_thousand_documents_cost_one_look(shelf: Shelf, store: CountingStore) -> None:
    clock[0] = 0.0
    assert all(len(fitting(shelf)) == 1 for _ in range(1000))
    assert store.asked == {"list": 1, "read": 1}
    clock[0] = 31.0
    fitting(shelf)
    assert store.asked["list"] == 2, "others keep programs too"


def test_what_is_kept_here_is_tried_at_once(shelf: Shelf) -> None:
    fitting(shelf)
    pinned = kept_for(PROMPT).model_copy(update={"pinned": True})
    shelf.put_beside(pinned)
    assert fitting(shelf) == [pinned]


def test_what_a_thousand_documents_proved_is_one_write(shelf: Shelf, store: CountingStore) -> None:
    (kept,) = ProgramStore(store, "t1").all()
    for _ in range(1000):
        shelf.proven_again(kept, kept.layout)
    assert store.asked["replace"] == 0
    shelf.settle()
    shelf.settle()
    assert store.asked["replace"] == 1
    assert [one.proven_on for one in ProgramStore(store, "t1").all()] == [1001]


def test_what_later_documents_show_of_a_layout_is_learnt(shelf: Shelf, store: CountingStore) -> None:
    (kept,) = ProgramStore(store, "t1").all()
    for items in (["샴푸", None], ["린스", "비누"]):
        lines = [[item, 100 + at] for at, item in enumerate(items)]
        shelf.proven_again(kept, fingerprint(run(PROGRAM, sheet(["품목", "금액"], *lines), prompt=PROMPT)))
    shelf.settle()
    (after,) = ProgramStore(store, "t1").all()
    assert after.id == kept.id
    assert after.layout.blank_rows == {"blank_field #1 item": (1, 6), "blank_field #1 amount": (0, 6)}
    assert "blank_field #1 item" in after.layout.sometimes_blank


def test_a_program_that_its_writer_gives_again_is_known_to_fit(store: CountingStore) -> None:
    programs, kept = ProgramStore(store, "t1"), kept_for(PROMPT)
    programs.put(kept)
    programs.put(kept.model_copy(update={"layout": kept.layout.model_copy(update={"problems": ("unused",)})}))
    assert [one.layout.problems for one in programs.all()] == [("unused",)]


def test_a_count_that_can_not_be_written_harms_nobody(shelf: Shelf, store: CountingStore, caplog) -> None:
    (kept,) = ProgramStore(store, "t1").all()
    shelf.proven_again(kept, kept.layout)

    def full(*_: object, **__: object) -> str:
        raise StoreError("can't write", remedy="Free space.")

    store.replace = full  # type: ignore[method-assign]
    shelf.settle()
    assert "could not be counted" in caplog.text
