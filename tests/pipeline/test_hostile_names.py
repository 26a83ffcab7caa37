"""Names of files as an attacker gives them: none stops the crawl, leads out of the store or forges a line of a log."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from google.cloud import storage

from llm_convert.contracts.shown import one_line
from llm_convert.contracts.work import Outcome
from llm_convert.errors import DataError, StoreError
from llm_convert.stores.gcs_client import close_clients
from llm_convert.testing.emulators.gcs import GcsEmulator
from night import Night

BAD = "품목,판매일,금액\n샴푸,2025-11-03,10\n합계,,11\n"
NAMES = (
    b"\xeb\xa7\xa4\xec\xb6\x9c\nERROR forged line.csv",
    b"\xeb\xa7\xa4\xec\xb6\x9c\rERROR forged line.csv",
    b"\xeb\xa7\xa4\xec\xb6\x9c\xff\xfe.csv",
    b"\xff" * 250 + b".csv",
    b"\xeb\xa7\xa4\xec\xb6\x9c \xe2\x80\xaefdp.csv",
    b"\x1b[2J\xeb\xa7\xa4\xec\xb6\x9c.csv",
    b"=HYPERLINK(1) \xeb\xa7\xa4\xec\xb6\x9c.csv",
    b"\x01",
    b"\x7f..",
)


@pytest.fixture
def crawled(night: Night) -> Night:
    for number, name in enumerate(NAMES):
        (night.home / "drive" / os.fsdecode(name)).write_text(f"{BAD}{number},,\n", encoding="utf-8")
    assert night.step("crawler")["files"] == len(NAMES)
    return night


def test_every_file_is_taken_under_a_name_that_all_can_hold(crawled: Night) -> None:
    found = [info.key for info in crawled.store.list("tenants/t1/landing/")]
    names = [key.rpartition("/")[2] for key in found]
    assert len(set(names)) == len(NAMES)
    assert all(name == one_line(name).strip() and len(name.encode()) <= 255 for name in names), names
    assert {key.rpartition("/")[0] for key in found} == {f"tenants/t1/landing/s1/{crawled.bsda}"}
    # The two that differ by how their line ends.
    assert {"매출 ERROR forged line.csv", "매출 ERROR forged line (2).csv", "unnamed", "unnamed (2)"} <= set(names)


DEEP = "/".join(["가나다라마바사아자차카타파하" * 6] * 5)
"""A path of some 1,260 bytes: more than Cloud Storage takes for a name."""


@pytest.fixture(params=["file", "gs"])
def any_store(request: pytest.FixtureRequest, night: Night, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """The night with its state on this machine or in Cloud Storage."""
    if request.param == "file":
        yield night
        return
    with GcsEmulator() as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        with closing(storage.Client(project="p")) as owner:
            owner.create_bucket("nights")
        night.environ["LLM_CONVERT_STORE"] = "gs://nights/prod"
        yield night
        close_clients()


def test_a_path_that_no_store_takes_is_converted_as_any_other(any_store: Night) -> None:
    night = any_store
    longest = ("긴 이름 " * 40).encode()[:245].decode(errors="ignore").strip()
    names = [f"{DEEP}/매출 1.csv", f"{DEEP}/매출 2.csv", f"{longest}매출.csv", "매출 3.csv"]
    for n, name in enumerate(names):
        night.drop(name, f"품목,판매일,금액\n샴푸,2025-11-03,{n}\n".encode())
    report = night.through("email")
    assert {item.document: item.outcome for item in report.items} == dict.fromkeys(names, Outcome.SUCCEEDED)
    assert {row["_document"] for row in night.rows("sales")} == set(names), "its name is told in full"
    keys = [info.key for info in night.store.list("tenants/t1/landing/")]
    assert len(keys) == len(names)
    assert max(len(key.encode()) for key in keys) < 800
    assert night.step("crawler")["new"] == 0, "the same again has the same keys"


def test_numbering_makes_no_name_too_long(night: Night) -> None:
    stem = "가" * 83  # 249 bytes
    for n, blank in enumerate([" ", "\n"]):
        night.drop(f"{stem}{blank}a.csv", f"{BAD}{n},,\n".encode())
    assert night.step("crawler")["new"] == 2


def test_a_file_that_is_called_as_a_folder_is_harms_nobody(night: Night) -> None:
    night.drop("매출", b"1")
    night.drop("매출 /a.csv", BAD.encode())  # a key has no blank at a name's end
    night.drop(f"{unicodedata.normalize('NFD', '매출')}/b.csv", BAD.encode() + b"1,,\n")
    assert night.step("crawler")["files"] == 3
    names = {info.key.partition(f"{night.bsda}/")[2] for info in night.store.list("tenants/t1/landing/")}
    assert names == {"매출 (2)", "매출/a.csv", "매출/b.csv"}


def test_a_path_that_no_system_opens_is_told_and_left_out(
    night: Night, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    night.drop("매출.csv", BAD.encode())
    monkeypatch.chdir(night.home / "drive")
    levels = 20
    for level in range(levels):
        # Each can be made from within the one before, and none be named from outside: the path has 5,000 bytes.
        Path("가" * 85).mkdir()
        os.chdir("가" * 85)
        if level in {10, levels - 1}:
            Path("deep.csv").write_bytes(BAD.encode() + f"{level},,\n".encode())
    assert night.step("crawler")["files"] == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert "can't be reached" in told and "File name too long" in told
    for _ in range(levels):
        # By hand: what removes temporary folders can't name them either.
        Path("deep.csv").unlink(missing_ok=True)
        os.chdir("..")
        Path("가" * 85).rmdir()


def test_a_folder_that_fails_for_now_fails_the_crawl(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.drop("매출/a.csv", BAD.encode())
    listed = os.scandir

    def stale(path: Path) -> Iterator[os.DirEntry[str]]:
        # As a network drive that hangs would; no file system here can be made to.
        if path.name == "매출":
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", stale)
    with pytest.raises(StoreError, match="매출 can't be listed: Stale file handle"):
        night.step("crawler")


def test_a_bad_name_forges_no_line_where_a_person_reads(crawled: Night) -> None:
    crawled.step("fileid_mapping")
    report, _ = crawled.job()
    assert all(item.document == one_line(item.document) for item in report.items)
    with pytest.raises(DataError) as told:
        crawled.step("check")
    assert not [line for line in str(told.value).splitlines() if line.startswith("ERROR")]


def test_a_link_out_of_the_drive_is_not_followed(night: Night, tmp_path: Path) -> None:
    secret = tmp_path / "another tenant.csv"
    secret.write_text(BAD, encoding="utf-8")
    night.drop("매출.csv", BAD.encode())
    (night.home / "drive" / "link.csv").symlink_to(secret)
    (night.home / "drive" / "own.csv").symlink_to(night.home / "drive" / "매출.csv")
    assert night.step("crawler")["files"] == 2


def test_a_label_that_is_quoted_forges_no_line_either(night: Night) -> None:
    night.drop("매출.csv", '품목,판매일,금액\n샴푸,2025-11-03,10\n"합\n\x1b[\u202e계",,11\n'.encode())
    report = night.through("email")
    assert report.items[0].detail.startswith("totals_disagree: 합 [계 at ")
    with pytest.raises(DataError) as told:
        night.step("check")
    assert len(str(told.value).splitlines()) == 2
