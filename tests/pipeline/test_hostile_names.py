"""Names of files as an attacker gives them: none stops the crawl, leads out of the store or forges a line of a log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm_convert.contracts.shown import one_line
from llm_convert.errors import DataError
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
