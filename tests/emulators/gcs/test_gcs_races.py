"""Of racing callers one wins, and nobody sees half of anything."""

from __future__ import annotations

import io
import sys

import pytest
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed

from llm_convert.testing.contracts.racing import race
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.errors import RefusedError
from llm_convert.testing.emulators.gcs.storage import Draft, Storage

RACERS = 16


def upload(bucket, number, name="k", **conditions):
    bucket.blob(name).upload_from_string(f"{number}" * 1000, **conditions)


def resumable(bucket, number, name="k", **conditions):
    bucket.blob(name, chunk_size=256 * 1024).upload_from_file(io.BytesIO(f"{number}".encode() * 1000), **conditions)


def compose(bucket, number, name="k", **conditions):
    source = bucket.blob(f"source-{number}")
    source.upload_from_string(f"{number}" * 1000)
    bucket.blob(name).compose([source], **conditions)


def copy(bucket, number, name="k", **conditions):
    source = bucket.blob(f"source-{number}")
    source.upload_from_string(f"{number}" * 1000)
    bucket.copy_blob(source, bucket, name, **conditions)


@pytest.mark.parametrize("write", [upload, resumable, compose, copy])
def test_of_many_creators_one_wins(bucket, write):
    def create(number: int) -> bool:
        try:
            write(bucket, number, if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    won = race(RACERS, create)
    assert won.count(True) == 1
    assert bucket.blob("k").download_as_bytes() == f"{won.index(True)}".encode() * 1000


def test_of_many_replacers_one_wins_each_round(bucket):
    upload(bucket, "start")
    for _ in range(4):
        generation = bucket.get_blob("k").generation

        def replace(number: int, generation: int = generation) -> bool:
            try:
                upload(bucket, number, if_generation_match=generation)
            except PreconditionFailed:
                return False
            return True

        won = race(RACERS, replace)
        assert won.count(True) == 1
        assert bucket.blob("k").download_as_bytes() == f"{won.index(True)}".encode() * 1000


def test_of_many_deleters_one_wins(bucket):
    upload(bucket, 1)
    generation = bucket.get_blob("k").generation

    def delete(_: int) -> bool:
        try:
            bucket.delete_blob("k", if_generation_match=generation)
        except (NotFound, PreconditionFailed):
            return False
        return True

    assert race(RACERS, delete).count(True) == 1


def test_of_many_patchers_one_wins(bucket):
    upload(bucket, 1)

    def patch(number: int) -> bool:
        blob = bucket.blob("k")
        blob.metadata = {"winner": str(number)}
        try:
            blob.patch(if_metageneration_match=1)
        except PreconditionFailed:
            return False
        return True

    won = race(RACERS, patch)
    got = bucket.get_blob("k")
    assert (won.count(True), got.metageneration, got.metadata) == (1, 2, {"winner": str(won.index(True))})


def test_of_many_makers_of_a_bucket_one_wins(client):
    def create(_: int) -> bool:
        try:
            client.create_bucket("wanted")
        except Conflict:
            return False
        return True

    assert race(RACERS, create).count(True) == 1


def test_unconditional_writers_all_win_and_generations_differ(versioned):
    def write(number: int) -> int:
        blob = versioned.blob("k")
        blob.upload_from_string(f"{number}")
        return blob.generation

    generations = race(RACERS, write)
    assert len(set(generations)) == RACERS
    kept = list(versioned.list_blobs(versions=True))
    assert [blob.generation for blob in kept] == sorted(generations)
    assert versioned.get_blob("k").generation == max(generations)


@pytest.fixture
def restless():
    """Threads give way to each other after every few instructions."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
def test_the_state_itself_lets_one_win():
    """Without the wire, whose pauses hide what its threads could do to each other."""
    storage = Storage(Dials)
    storage.create_bucket("b-b", {})
    names = [f"k{number}" for number in range(150)]
    drafts = [Draft.of("b-b", name, b"1", {}) for name in names]

    def create(_: int) -> list[str]:
        won = []
        for draft in drafts:
            try:
                storage.put(draft, Conditions(generation_match=0))
            except RefusedError:
                continue
            won.append(draft.name)
        return won

    won = [name for winners in race(8, create) for name in winners]
    assert sorted(won) == sorted(names)
