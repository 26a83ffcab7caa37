from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.api_core.exceptions import BadRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.gcs.listing import Query, page
from llm_convert.testing.emulators.gcs.records import ObjectVersion

NAMES = ["A", "a", "a-b", "a.b", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "a0", "b/가/1", "b/나", "b/𐀀", "b/\uffee", "z"]


@pytest.fixture
def filled(bucket):
    for name in reversed(NAMES):
        bucket.blob(name).upload_from_string(b"")
    return bucket


def listed(bucket, **query):
    found = bucket.client.list_blobs(bucket, **query)
    names = [blob.name for blob in found]
    return names, sorted(found.prefixes)


def test_all_in_the_order_of_bytes(filled):
    assert listed(filled) == (sorted(NAMES, key=str.encode), [])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages(filled, size):
    pages = [list(one) for one in filled.client.list_blobs(filled, page_size=size).pages]
    assert [blob.name for one in pages for blob in one] == sorted(NAMES, key=str.encode)
    assert all(len(one) == size for one in pages[:-1])


def test_at_most_so_many(filled):
    assert listed(filled, max_results=3)[0] == sorted(NAMES, key=str.encode)[:3]


def test_a_prefix_is_text(filled):
    assert listed(filled, prefix="a/b")[0] == ["a/b", "a/b/c", "a/b/d"]
    assert listed(filled, prefix="b/가")[0] == ["b/가/1"]
    assert listed(filled, prefix="none") == ([], [])


@pytest.mark.parametrize("size", [1, 2, None])
def test_folders(filled, size):
    assert listed(filled, delimiter="/", page_size=size) == (["A", "a", "a-b", "a.b", "a0", "z"], ["a/", "b/"])
    assert listed(filled, delimiter="/", prefix="a/", page_size=size) == (["a/", "a/b", "a/c"], ["a/b/"])
    assert listed(filled, delimiter="/", prefix="b/", page_size=size)[1] == ["b/가/"]
    assert listed(filled, delimiter="/b", page_size=size)[1] == ["a/b"]
    names, folders = listed(filled, delimiter="/", include_trailing_delimiter=True, page_size=size)
    assert (names, folders) == (["A", "a", "a-b", "a.b", "a/", "a0", "z"], ["a/", "b/"])


def test_offsets(filled):
    assert listed(filled, start_offset="a/b", end_offset="a0")[0] == ["a/b", "a/b/c", "a/b/d", "a/c"]
    assert listed(filled, start_offset="b/\uffee")[0] == ["b/\uffee", "b/𐀀", "z"]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("a/*", ["a/", "a/b", "a/c"]),
        ("a/**", ["a/", "a/b", "a/b/c", "a/b/d", "a/c"]),
        ("**/c", ["a/b/c", "a/c"]),
        ("a?b", ["a-b", "a.b"]),
        ("a[-0]*", ["a-b", "a0"]),
        ("a[!-]b", ["a.b", "a/b"]),
        ("{A,z}", ["A", "z"]),
        ("b/가/1", ["b/가/1"]),
    ],
)
def test_globs(filled, glob, names):
    assert listed(filled, match_glob=glob)[0] == names


def test_versions_page_by_page(versioned):
    generations = []
    for _ in range(5):
        blob = versioned.blob("k")
        blob.upload_from_string(b"")
        generations.append(blob.generation)
    found = list(versioned.client.list_blobs(versioned, versions=True, page_size=2))
    assert [blob.generation for blob in found] == generations
    assert [blob.time_deleted is None for blob in found] == [False] * 4 + [True]


def test_a_page_token_of_ones_own_making(bucket):
    with pytest.raises(BadRequest):
        list(bucket.client.list_blobs(bucket, page_token="한"))


def test_listing_goes_on_while_objects_vanish(filled):
    for blob in filled.client.list_blobs(filled, page_size=2):
        blob.delete()
    assert listed(filled) == ([], [])


def version(name: str) -> ObjectVersion:
    now = datetime.now(UTC)
    return ObjectVersion(
        bucket="b", name=name, generation=7, data=b"", crc32c="", md5="", time_created=now, time_updated=now
    )


NAME = st.text(st.sampled_from("ab/가😀"), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    names=st.sets(NAME, max_size=12),
    prefix=st.text(st.sampled_from("ab/"), max_size=2),
    delimiter=st.sampled_from(["", "/", "b", "a/"]),
    trailing=st.booleans(),
    limit=st.integers(1, 5),
)
def test_pages_together_are_the_whole(names, prefix, delimiter, trailing, limit):
    """Each name comes once: itself, or beneath one prefix, whatever the size of the pages."""
    versions = [version(name) for name in sorted(names, key=str.encode)]
    items, folders, token = list[str](), list[str](), ""
    while True:
        found = page(
            versions,
            Query(prefix=prefix, delimiter=delimiter, trailing_delimiter=trailing, limit=limit, after=token),
        )
        assert len(found.items) + len(found.prefixes) <= limit
        items += [one.name for one in found.items]
        folders += found.prefixes
        token = found.next_token
        if not token:
            break
    matching = {name for name in names if name.startswith(prefix)}

    def folder_of(name: str) -> str | None:
        cut = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        return prefix + cut[0] + cut[1] if cut[1] else None

    expected = [name for name in matching if folder_of(name) is None or (trailing and folder_of(name) == name)]
    assert items == sorted(expected, key=str.encode)
    assert folders == sorted({folder_of(name) for name in matching} - {None}, key=str.encode)
