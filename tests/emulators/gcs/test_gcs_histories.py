"""Any history of writes, changes and deletes leaves what a plain model of the documentation says."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.errors import RefusedError
from llm_convert.testing.emulators.gcs.fields import selected
from llm_convert.testing.emulators.gcs.settings import merged
from llm_convert.testing.emulators.gcs.storage import Draft, Storage


@dataclass
class Model:
    """The live version's number of writes and changes, and how many versions lie behind it."""

    live: list[int] | None = None
    generations: list[int] = field(default_factory=list)
    noncurrent: int = 0


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "patch", "delete", "delete_generation"]),
        st.sampled_from(["a", "나"]),
        st.sampled_from(["any", "absent", "current", "stale"]),
    ),
    max_size=25,
)


@settings(max_examples=120, deadline=None)
@given(operations=OPERATIONS, versioned=st.booleans())
def test_histories(operations, versioned):
    storage = Storage(Dials)
    storage.create_bucket("b-b", {"versioning": {"enabled": versioned}})
    models = {"a": Model(), "나": Model()}
    for verb, name, wanted in operations:
        model = models[name]
        generation, metageneration = model.live or (0, 0)
        asked = {"any": None, "absent": 0, "current": generation, "stale": 1}[wanted]
        holds = asked is None or asked == generation
        absent = model.live is None and verb != "put"
        expected = 404 if absent else 200 if holds else 412
        status, made = _do(storage, verb, name, asked, generation)
        assert status == expected
        if status != 200:
            continue
        if verb == "patch":
            model.live = [generation, metageneration + 1]
            continue
        if model.live is not None and versioned and verb != "delete_generation":
            model.noncurrent += 1
        model.live = [made, 1] if verb == "put" else None
        model.generations += [made] if verb == "put" else []
    for name, model in models.items():
        live = storage.live("b-b", name)
        assert ([live.generation, live.metageneration] if live else None) == model.live
        assert model.generations == sorted(set(model.generations))
        versions = [version for version in storage.versions("b-b") if version.name == name]
        assert len(versions) == model.noncurrent + (model.live is not None)
        assert [version.generation for version in versions] == sorted(version.generation for version in versions)


def _do(storage: Storage, verb: str, name: str, asked: int | None, generation: int) -> tuple[int, int]:
    conditions = Conditions(generation_match=asked)
    try:
        if verb == "put":
            return 200, storage.put(Draft.of("b-b", name, b"1", {}), conditions).generation
        if verb == "patch":
            storage.change("b-b", name, None, conditions, lambda version: version.settings)
        else:
            storage.delete("b-b", name, generation if verb == "delete_generation" else None, conditions)
    except RefusedError as error:
        return error.status, 0
    return 200, 0


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@settings(max_examples=100, deadline=None)
@given(old=OBJECT, patch=OBJECT)
def test_a_merge_does_what_the_rfc_says(old, patch):
    result = merged(old, patch)
    for name in {*old, *patch}:
        if name not in patch:
            assert result[name] == old[name]
        elif patch[name] is None:
            assert name not in result
        elif isinstance(patch[name], dict):
            before = old.get(name)
            assert result[name] == merged(before if isinstance(before, dict) else {}, patch[name])
        else:
            assert result[name] == patch[name]
    # Doing it twice changes nothing more.
    assert merged(result, patch) == result


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", {"a": [{"b": 1, "c": {"d": 2}}], "e": "f"}),
        ("*", {"a": [{"b": 1, "c": {"d": 2}}], "e": "f"}),
        ("e", {"e": "f"}),
        ("a/b", {"a": [{"b": 1}]}),
        ("a(b)", {"a": [{"b": 1}]}),
        ("a(c/d),e", {"a": [{"c": {"d": 2}}], "e": "f"}),
        ("a(b,c(d))", {"a": [{"b": 1, "c": {"d": 2}}]}),
        ("*/b", {"a": [{"b": 1}], "e": "f"}),
        ("zzz", {}),
    ],
)
def test_field_selections(fields, expected):
    assert selected({"a": [{"b": 1, "c": {"d": 2}}], "e": "f"}, fields) == expected


@settings(max_examples=150, deadline=None)
@given(st.text("ab,/()*", max_size=12))
def test_no_field_selection_is_a_defect(fields):
    with contextlib.suppress(RefusedError):
        found = selected({"a": {"b": [1]}}, fields)
        assert found in ({}, {"a": {}}, {"a": {"b": [1]}})
