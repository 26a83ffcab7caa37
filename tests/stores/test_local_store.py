from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.urls import path_of, url_of
from llm_convert.errors import ConfigurationError, ObjectNotFoundError, PreconditionFailedError, StoreError
from llm_convert.stores.faults import store_error
from llm_convert.stores.files import LEFT_OVER_SECONDS
from llm_convert.stores.local import PRIVATE, LocalObjectStore
from llm_convert.testing.contracts.object_store import ObjectStoreContract

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda name: name not in {".", "..", PRIVATE}
)
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


class TestLocalObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalObjectStore(tmp_path / "주간 store")


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path / "root")


def child(code: str, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestKeysAsFiles:
    def test_a_person_finds_an_object_under_its_key(self, store, tmp_path):
        store.create("tenants/c8/손익.json", b"{}")
        assert (tmp_path / "root/tenants/c8/손익.json").read_bytes() == b"{}"

    @pytest.mark.parametrize(("there", "wanted"), [("a", "a/b"), ("a", "a/b/c/d"), ("a/b", "a"), ("a/b/c", "a")])
    def test_a_file_can_not_be_a_folder_too(self, store, there, wanted):
        store.create(there, b"1")
        with pytest.raises(StoreError, match="a file can't be a folder too"):
            store.create(wanted, b"2")
        assert [info.key for info in store.list("")] == [there]

    def test_empty_folders_of_a_killed_writer_are_in_nobodys_way(self, store, tmp_path):
        (tmp_path / "root/a/b/c").mkdir(parents=True)
        store.create("a", b"1")
        assert store.read("a").data == b"1"

    def test_85_korean_letters_fit_and_86_do_not(self, store):
        store.create("가" * 85, b"")
        with pytest.raises(StoreError, match=r"has 258 bytes.*a Korean letter has 3"):
            store.create("가" * 86, b"")

    def test_a_path_that_is_too_long_names_the_limits(self, store):
        with pytest.raises(StoreError, match="4096 a path"):
            store.create("/".join(["a" * 200] * 30), b"")

    @pytest.mark.parametrize("key", [f"{PRIVATE}/x", PRIVATE, f"{PRIVATE}/locks/00"])
    def test_the_stores_own_folder_is_nobodys(self, store, key):
        store.create("a", b"")
        with pytest.raises(StoreError, match="own folder"):
            store.create(key, b"")
        assert list(store.list(key)) == []
        assert list(store.list(f"{PRIVATE}/")) == []

    def test_a_name_with_a_line_break_is_kept(self, store):
        store.create("line\nbreak", b"1")
        assert [info.key for info in store.list("line\n")] == ["line\nbreak"]

    def test_what_is_no_object_is_not_listed(self, store, tmp_path):
        store.create("a/b", b"1")
        (tmp_path / "root/a/loop").symlink_to(tmp_path / "root")
        (tmp_path / "root/a/dangling").symlink_to("nowhere")
        os.mkfifo(tmp_path / "root/a/pipe")
        (Path(os.fsdecode(bytes(tmp_path / "root")) + "/a") / os.fsdecode(b"\xff")).write_bytes(b"")
        assert [info.key for info in store.list("")] == ["a/b"]

    @settings(max_examples=40, deadline=None)
    @given(keys=st.sets(KEYS, max_size=6), prefix=st.one_of(KEYS, st.text(max_size=3)))
    def test_any_keys_are_listed_as_a_sorted_set_would_be(self, keys, prefix):
        with tempfile.TemporaryDirectory() as folder:
            store, kept = LocalObjectStore(Path(folder)), set()
            for key in keys:
                try:
                    store.create(key, key.encode())
                except StoreError:
                    assert any(key.startswith(f"{k}/") or k.startswith(f"{key}/") for k in kept)
                else:
                    kept.add(key)
            for asked in (prefix, "", *keys):
                found = [info.key for info in store.list(asked)]
                assert found == sorted((key for key in kept if key.startswith(asked)), key=str.encode)
            assert all(store.read(key).data == key.encode() for key in kept)
            assert all(path_of(store.locate(key)).read_bytes() == key.encode() for key in kept)


class TestVersions:
    def test_the_same_inode_size_and_time_is_still_another_version(self, store, monkeypatch):
        """The clock stands still and freed inodes come back: what the system tells of a file would not be enough."""
        still = time.time_ns() // 1000 * 1000 + 3_600_000_000_000
        monkeypatch.setattr(time, "time_ns", lambda: still)
        versions = []
        for _ in range(40):
            versions.append(store.create("k", b"same"))
            store.delete("k", if_version=versions[-1])
        assert [int(version.split("-")[0]) for version in versions] == [still + 1000 * turn for turn in range(40)]

    def test_a_clock_that_is_set_back_changes_nothing(self, store, monkeypatch):
        now = time.time_ns()
        first = store.create("k", b"1")
        monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
        second = store.replace("k", b"2", if_version=first)
        assert int(second.split("-")[0]) > int(first.split("-")[0])

    def test_what_an_editor_did_is_another_version(self, store, tmp_path):
        version = store.create("k", b"1")
        (tmp_path / "root/k").write_bytes(b"2")
        with pytest.raises(PreconditionFailedError):
            store.replace("k", b"3", if_version=version)

    def test_reading_does_not_change_it(self, store):
        version = store.create("k", b"1")
        assert {store.read("k").version for _ in range(3)} == {version} == {info.version for info in store.list("")}

    def test_a_filesystem_with_coarse_times_is_refused(self, store, tmp_path, monkeypatch):
        set_time, second = os.utime, 1_000_000_000
        monkeypatch.setattr(os, "utime", lambda path, *, ns: set_time(path, ns=(ns[0] // second * second,) * 2))
        with pytest.raises(StoreError, match="versions could not be told apart"):
            store.create("k", b"1")
        with pytest.raises(ObjectNotFoundError):
            store.read("k")


class TestLeftOvers:
    def test_old_temporary_files_are_swept_and_young_ones_kept(self, store, tmp_path):
        store.create("a", b"1")
        folder = tmp_path / "root" / PRIVATE / "tmp"
        for name, age in (("old", LEFT_OVER_SECONDS + 60), ("young", LEFT_OVER_SECONDS - 60)):
            (folder / name).write_bytes(b"half")
            os.utime(folder / name, (time.time() - age,) * 2)
        LocalObjectStore(tmp_path / "root")
        assert [path.name for path in folder.iterdir()] == ["young"]
        assert [info.key for info in store.list("")] == ["a"]

    def test_no_temporary_file_outlives_a_write(self, store, tmp_path):
        version = store.create("a", b"1")
        store.replace("a", b"2", if_version=version)
        for attempt in (lambda: store.create("a", b"3"), lambda: store.replace("a", b"3", if_version=version)):
            with pytest.raises(PreconditionFailedError):
                attempt()
        assert list((tmp_path / "root" / PRIVATE / "tmp").iterdir()) == []

    def test_no_empty_folder_outlives_its_last_object(self, store, tmp_path):
        store.create("a/keep", b"1")
        store.delete("a/b/c", if_version=store.create("a/b/c", b"1"))
        assert [path.name for path in (tmp_path / "root/a").iterdir()] == ["keep"]

    def test_looking_makes_no_folder(self, store, tmp_path):
        assert list(store.list("")) == []
        with pytest.raises(ObjectNotFoundError):
            store.read("a")
        assert not (tmp_path / "root").exists()


KILLED = """
import itertools, sys
from pathlib import Path
from llm_convert.stores.local import LocalObjectStore
store, size = LocalObjectStore(Path(sys.argv[1])), 400_000
version = store.create("k", b"@" * size)
print("started", flush=True)
for turn in itertools.count():
    version = store.replace("k", b"%c" % (65 + turn % 26) * size, if_version=version)
    store.create(f"new/{turn}", b"n" * size)
"""


def test_kill_minus_nine_leaves_only_whole_objects(store, tmp_path):
    root, size = tmp_path / "root", 400_000
    process = subprocess.Popen([sys.executable, "-c", KILLED, root], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "started\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
    infos = list(store.list(""))
    assert len(infos) > 1
    for info in infos:
        held = store.read(info.key)
        assert held.data == held.data[:1] * size
    store.replace("k", b"the lock died with its holder", if_version=store.read("k").version)


LIMITED = """
import resource, sys
from pathlib import Path
from llm_convert.errors import StoreError
from llm_convert.stores.local import LocalObjectStore
store = LocalObjectStore(Path(sys.argv[1]))
version = store.create("small", b"1")
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
large = b"x" * 9000
for write in (lambda: store.create("large", large), lambda: store.replace("small", large, if_version=version)):
    try:
        write()
    except StoreError as error:
        print(error)
"""


def test_a_write_that_is_cut_off_leaves_nothing(store, tmp_path):
    done = child(LIMITED, tmp_path / "root")
    assert done.stdout.count("ulimit -f") == 2, done.stderr
    assert [(info.key, info.size_bytes) for info in store.list("")] == [("small", 1)]
    assert files_below(tmp_path / "root" / PRIVATE / "tmp") == []


FULL = """
import sys
from pathlib import Path
from llm_convert.errors import StoreError
from llm_convert.stores.local import LocalObjectStore
store = LocalObjectStore(Path(sys.argv[1]) / "store")
version = store.create("small", b"1")
large = b"x" * 9_000_000
for write in (lambda: store.create("large", large), lambda: store.replace("small", large, if_version=version)):
    try:
        write()
    except StoreError as error:
        print(error)
store.replace("small", b"2", if_version=version)
print([(info.key, info.size_bytes) for info in store.list("")])
"""


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    mounted = 'mount -t tmpfs -o size=1m none "$1" 2>/dev/null || exit 77; exec "$2" -c "$3" "$1"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mounted, "sh", tmp_path, sys.executable, FULL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine does not let this user mount a tmpfs")
    assert done.stdout.count("No space left on device. Free space") == 2, done.stderr
    assert done.stdout.splitlines()[-1] == "[('small', 1)]"


DENIED = """
import os, sys
from pathlib import Path
from llm_convert.errors import StoreError
from llm_convert.stores.local import LocalObjectStore
if os.geteuid() == 0:
    os.setuid(65534)
store = LocalObjectStore(Path(sys.argv[1]))
print(store.read("a").data)
for attempt in (lambda: store.create("b", b""), lambda: list(store.list("secret/")), lambda: store.read("secret/c")):
    try:
        attempt()
    except StoreError as error:
        print(os.geteuid(), error)
"""


def test_a_folder_of_somebody_else_names_folder_and_user():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = LocalObjectStore(root)
        store.create("a", b"1")
        store.create("secret/c", b"2")
        closed = {root: 0o555, root / PRIVATE / "tmp": 0o555, root / "secret": 0o000}
        for path, mode in closed.items():
            path.chmod(mode)
        done = child(DENIED, root)
        for path in closed:
            path.chmod(0o755)
    read, *denied = done.stdout.splitlines()
    assert read == "b'1'", done.stderr
    assert len(denied) == 3, done.stdout
    for line, doing in zip(denied, ("write", "list", "read"), strict=True):
        user, said = line.split(" ", 1)
        assert said.startswith(f"can't {doing} {folder}/")
        assert f"Permission denied. Let user id {user} read and write {folder}" in said


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "Mount the filesystem of /tmp writable"),
        (errno.EPERM, "no hard links"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "Look at the disk"),
    ],
)
def test_each_kind_of_fault_has_its_remedy(number, remedy):
    error = store_error(OSError(number, os.strerror(number)), doing="write", path=Path("/tmp/no such folder/a"))
    assert remedy in error.remedy
    assert str(error).startswith("can't write /tmp/no such folder/a: ")


class TestUrls:
    def test_korean_and_spaces_are_left_for_people(self, tmp_path):
        store = LocalObjectStore(tmp_path)
        url = store.locate("주간 손익/100%.txt")
        assert url == f"file://{tmp_path}/주간 손익/100%25.txt"
        assert path_of(url) == tmp_path / "주간 손익/100%.txt"

    def test_a_store_is_found_again_by_its_url(self, tmp_path):
        store = LocalObjectStore(tmp_path / "#1 100%25")
        store.create("a", b"1")
        assert LocalObjectStore.from_url(store.url).read("a").data == b"1"

    @given(KEYS)
    def test_any_path_comes_back(self, key):
        path = Path("/somewhere") / key
        assert path_of(url_of("file", path)) == path
        assert unquote(url_of("file", path)) == f"file://{path}"

    @pytest.mark.parametrize("url", ["file://relative", "gs://bucket", "/path", "file:/path", ""])
    def test_other_urls_are_refused(self, url):
        with pytest.raises(ConfigurationError, match="three slashes"):
            LocalObjectStore.from_url(url)
