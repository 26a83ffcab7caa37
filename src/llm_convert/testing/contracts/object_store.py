"""What every object store must do. Subclass it with a ``store`` fixture."""

from __future__ import annotations

import threading
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest

from llm_convert.errors import ObjectNotFoundError, PreconditionFailedError, StoreError
from llm_convert.ports import ObjectStore
from llm_convert.testing.contracts.racing import race

RACERS = 16
LARGE_BYTES = 5_000_000
ODD_NAMES = (
    "(주)한빛_주간 손익 보고서 (25.11.1주차).xlsx",
    "a b+c%20d&e=f.csv",
    "100%.txt",
    "#1 question?.txt",
    "quote'\"back\\slash",
    "[bracket]*star",
    "...",
    "..a",
    ".hidden",
    "-dash",
    "~tilde",
    "emoji-📊",
    "🇰🇷/深い/場所/é",
    "trailing space ",
    "UPPER/lower",
)
BAD_KEYS = ("", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a/..", "nul\0", "surrogate\udcff")


class ObjectStoreContract:
    """The promises of ``ports.ObjectStore``."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        """An empty store for one test alone."""
        raise NotImplementedError("override the fixture 'store'")

    def test_what_was_created_is_read(self, store: ObjectStore) -> None:
        """Bytes come back as they were, with the version that the create told."""
        version = store.create("a/b.json", b"\x00\xff one")
        held = store.read("a/b.json")
        assert held.data == b"\x00\xff one"
        assert held.version == version
        assert store.read("a/b.json") == held

    def test_an_absent_key_is_not_found(self, store: ObjectStore) -> None:
        """Also where the key leads through, or to, what is a folder elsewhere."""
        store.create("a/b", b"1")
        for key in ("x", "a", "a/b/c", "a/x", "a/b.json"):
            with pytest.raises(ObjectNotFoundError) as caught:
                store.read(key)
            assert caught.value.key == key

    def test_create_never_overwrites(self, store: ObjectStore) -> None:
        """The second creator is told, and the first one's bytes stay."""
        version = store.create("k", b"first")
        with pytest.raises(PreconditionFailedError) as caught:
            store.create("k", b"second")
        assert caught.value.key == "k"
        assert store.read("k").data == b"first"
        assert store.read("k").version == version

    def test_replace_needs_the_version(self, store: ObjectStore) -> None:
        """Only who saw the newest state may change it."""
        old = store.create("k", b"1")
        new = store.replace("k", b"2", if_version=old)
        assert new != old
        assert store.read("k").version == new
        with pytest.raises(PreconditionFailedError):
            store.replace("k", b"3", if_version=old)
        assert store.read("k").data == b"2"

    def test_replace_of_nothing_fails(self, store: ObjectStore) -> None:
        """A key that is gone, or never was, is not written."""
        version = store.create("k", b"1")
        store.delete("k", if_version=version)
        for key in ("k", "never/was"):
            with pytest.raises(PreconditionFailedError):
                store.replace(key, b"2", if_version=version)
            with pytest.raises(ObjectNotFoundError):
                store.read(key)

    def test_delete_needs_the_version(self, store: ObjectStore) -> None:
        """A stale delete changes nothing; a good one frees the key."""
        old = store.create("d/k", b"1")
        new = store.replace("d/k", b"2", if_version=old)
        with pytest.raises(PreconditionFailedError):
            store.delete("d/k", if_version=old)
        assert store.read("d/k").data == b"2"
        store.delete("d/k", if_version=new)
        with pytest.raises(ObjectNotFoundError):
            store.read("d/k")
        with pytest.raises(PreconditionFailedError):
            store.delete("d/k", if_version=new)
        assert store.create("d/k", b"3") not in {old, new}

    def test_no_version_comes_twice(self, store: ObjectStore) -> None:
        """Not even for the same bytes, written as fast as can be, with deletes in between."""
        versions = [store.create("k", b"same")]
        for turn in range(60):
            if turn % 3 == 2:
                store.delete("k", if_version=versions[-1])
                versions.append(store.create("k", b"same"))
            else:
                versions.append(store.replace("k", b"same", if_version=versions[-1]))
            assert store.read("k").version == versions[-1]
        assert len(set(versions)) == len(versions)

    def test_a_freed_key_may_become_a_prefix(self, store: ObjectStore) -> None:
        """What was deleted leaves nothing behind that is in the way."""
        store.delete("a", if_version=store.create("a", b"1"))
        version = store.create("a/b/c", b"2")
        store.delete("a/b/c", if_version=version)
        store.create("a", b"3")
        assert [info.key for info in store.list("")] == ["a"]

    def test_empty_and_large_objects(self, store: ObjectStore) -> None:
        """From no byte to five million."""
        large = bytes(range(256)) * (LARGE_BYTES // 256)
        store.create("empty", b"")
        store.create("large", large)
        assert store.read("empty").data == b""
        assert store.read("large").data == large
        assert [(i.key, i.size_bytes) for i in store.list("")] == [("empty", 0), ("large", len(large))]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_kept(self, store: ObjectStore, name: str) -> None:
        """A key is any Unicode; nothing in it is read as a pattern or an escape."""
        key = f"landing/{name}"
        version = store.create(key, name.encode())
        assert store.read(key).data == name.encode()
        assert [i.key for i in store.list("landing/")] == [key]
        assert [i.key for i in store.list(key)] == [key]
        assert store.locate(key)
        store.delete(key, if_version=version)
        assert list(store.list("")) == []

    def test_unicode_forms_are_kept_as_given(self, store: ObjectStore) -> None:
        """NFC and NFD of one name are two keys."""
        composed, decomposed = (unicodedata.normalize(form, "손익.xlsx") for form in ("NFC", "NFD"))
        store.create(composed, b"NFC")
        store.create(decomposed, b"NFD")
        assert store.read(composed).data == b"NFC"
        assert store.read(decomposed).data == b"NFD"
        assert {info.key for info in store.list("")} == {composed, decomposed}

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_keys_that_lead_astray_are_refused(self, store: ObjectStore, key: str) -> None:
        """By every method, before anything is touched."""
        attempts = (
            lambda: store.create(key, b""),
            lambda: store.read(key),
            lambda: store.replace(key, b"", if_version="1"),
            lambda: store.delete(key, if_version="1"),
        )
        for attempt in attempts:
            with pytest.raises(StoreError) as caught:
                attempt()
            assert caught.value.remedy
        assert list(store.list("")) == []

    def test_listing_is_in_the_order_of_bytes(self, store: ObjectStore) -> None:
        """Of the whole key: ``/`` comes after ``-`` and ``.`` and before digits, wherever it stands."""
        keys = [
            "a-b",
            "a.b",
            "a/b",
            "a/b-/c",
            "a/b-c",
            "a0",
            "A",
            "b/가/1",
            "b/가.x",
            "b/나",
            "b/z",
            "b/𐀀",
            "b/\uffee",
            "z",
        ]
        for key in reversed(keys):
            store.create(key, b"")
        assert [info.key for info in store.list("")] == sorted(keys, key=str.encode)

    def test_a_prefix_is_text(self, store: ObjectStore) -> None:
        """It need not end where a segment ends."""
        for key in ("run/k-1/a", "run/k-1/b", "run/k-2", "run/kk", "run2/k", "ru"):
            store.create(key, b"")
        expected = {
            "run/k-": ["run/k-1/a", "run/k-1/b", "run/k-2"],
            "run/k-1/": ["run/k-1/a", "run/k-1/b"],
            "run": ["run/k-1/a", "run/k-1/b", "run/k-2", "run/kk", "run2/k"],
            "run/k-1/a/": [],
            "nothing": [],
        }
        assert {prefix: [info.key for info in store.list(prefix)] for prefix in expected} == expected

    @pytest.mark.parametrize("prefix", ["/", "../", "a/../", "./", "a//", "\0", "*"])
    def test_no_key_starts_so(self, store: ObjectStore, prefix: str) -> None:
        """A prefix that no key can have lists nothing and leads nowhere."""
        store.create("a/b", b"")
        assert list(store.list(prefix)) == []

    def test_a_listing_tells_size_version_and_time(self, store: ObjectStore) -> None:
        """The version is the one that a conditional write takes."""
        before = datetime.now(UTC)
        old = store.create("k", b"123")
        new = store.replace("k", b"12345", if_version=old)
        (info,) = store.list("k")
        assert (info.key, info.size_bytes, info.version) == ("k", 5, new)
        assert info.updated_at.utcoffset() == timedelta(0)
        assert abs(info.updated_at - before) < timedelta(seconds=60)

    def test_deleting_while_listing(self, store: ObjectStore) -> None:
        """A listing survives that its objects vanish under it."""
        for number in range(20):
            store.create(f"d{number % 4}/{number}", b"")
        for info in store.list(""):
            store.delete(info.key, if_version=info.version)
        assert list(store.list("")) == []

    def test_urls(self, store: ObjectStore) -> None:
        """An object's URL starts with the store's, which has no slash at its end."""
        assert "://" in store.url
        assert not store.url.endswith("/")
        assert store.locate("a/손익.xlsx") == f"{store.url}/a/손익.xlsx"

    def test_of_many_creators_one_wins(self, store: ObjectStore) -> None:
        """And what is there then is the winner's."""
        for round_number in range(5):
            key = f"race/{round_number}/claim.json"

            def create(number: int, key: str = key) -> bool:
                try:
                    store.create(key, f"{number}".encode() * 1000)
                except PreconditionFailedError:
                    return False
                return True

            won = race(RACERS, create)
            assert won.count(True) == 1
            assert store.read(key).data == f"{won.index(True)}".encode() * 1000

    def test_of_many_replacers_of_one_version_one_wins(self, store: ObjectStore) -> None:
        """The others are told, and a delete of that version counts as one of them."""
        version = store.create("k", b"start")
        for _ in range(5):

            def change(number: int, version: str = version) -> str | None:
                try:
                    return store.replace("k", f"{number}".encode(), if_version=version)
                except PreconditionFailedError:
                    return None

            versions = race(RACERS, change)
            winners = [number for number, new in enumerate(versions) if new is not None]
            assert len(winners) == 1
            assert store.read("k").data == f"{winners[0]}".encode()
            version = store.read("k").version
            assert versions[winners[0]] == version

    def test_of_many_deleters_one_wins(self, store: ObjectStore) -> None:
        """A claim is given back once."""
        version = store.create("d/k", b"")

        def delete(_: int) -> bool:
            try:
                store.delete("d/k", if_version=version)
            except PreconditionFailedError:
                return False
            return True

        assert race(RACERS, delete).count(True) == 1

    def test_neighbours_come_and_go(self, store: ObjectStore) -> None:
        """Creating beside a neighbour that is being deleted always works, though both share a folder."""

        def come_and_go(number: int) -> None:
            for _ in range(15):
                store.delete(f"deep/er/{number}", if_version=store.create(f"deep/er/{number}", b""))

        race(8, come_and_go)
        assert list(store.list("")) == []

    def test_readers_see_all_or_nothing(self, store: ObjectStore) -> None:
        """While large objects are created, replaced and deleted, no reader ever sees a part of one."""
        size, stop, torn = 300_000, threading.Event(), list[str]()

        def write() -> None:
            for turn in range(25):
                version = store.create("k", b"%c" % (65 + turn) * size)
                version = store.replace("k", b"%c" % (97 + turn) * size, if_version=version)
                store.delete("k", if_version=version)
            stop.set()

        def read() -> None:
            while not stop.is_set():
                for info in store.list("k"):
                    if info.size_bytes != size:
                        torn.append(f"listed {info.size_bytes} bytes")
                try:
                    data = store.read("k").data
                except ObjectNotFoundError:
                    continue
                if len(data) != size or data != data[:1] * size:
                    torn.append(f"read {len(data)} bytes of {set(data)}")

        def run(number: int) -> None:
            try:
                write() if number == 0 else read()
            finally:
                stop.set()

        race(3, run)
        assert torn == []
