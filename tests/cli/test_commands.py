"""The command as people call it: a process of its own, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from night import Night

SALES = '품목,판매일,금액(천원)\n샴푸,2025-11-03,"1,234"\n비누,25.11.04,(200)\n합계,,"1,034"\n'.encode("cp949")


def call(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llm_convert.cli.main", *arguments],
        env={**os.environ, "LLM_CONVERT_HOME": str(home), "LLM_CONVERT_PROMPTS": str(home / "prompts"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_try_prints_rows_and_where_they_came_from(night: Night) -> None:
    night.drop("매출.csv", SALES)
    ended = call(night.home, "try", str(night.home / "drive" / "매출.csv"), "--prompt", "sales_lines")
    assert ended.returncode == 0, ended.stderr
    assert "2 rows of sales, 0 quarantined" in ended.stdout
    assert "not a language model" in ended.stdout
    assert "매출!A2 B2 C2 C1" in ended.stdout
    assert "1234000" in ended.stdout


def test_try_gives_json_with_every_address(night: Night) -> None:
    night.drop("매출.csv", SALES)
    ended = call(night.home, "try", str(night.home / "drive" / "매출.csv"), "--prompt", "sales_lines", "--json")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert rows[1] == {
        "values": {"item": "비누", "sold_on": "2025-11-04", "amount": "-200000"},
        "at": {"item": ["매출!A3"], "sold_on": ["매출!B3"], "amount": ["매출!C3", "매출!C1"]},
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["try", "nothing.xlsx"], 78, "nothing.xlsx can't be read: No such file or directory. Check the path."),
        (["try", __file__, "--prompt", "none"], 78, "unknown PROMPT_ID 'none'"),
        (["run"], 78, "TENANT_CODE is not set"),
        (["run", "--tenant-code", "t1"], 78, "BSDA is not set"),
        (["run", "--tenant-code", "t1", "--bsda", "1"], 78, "BSDA must be 8 or 14 digits"),
        (["run", "--tenant-code", "t9", "--bsda", "20251107"], 78, "unknown tenant 't9'"),
        (["report", "t1", "20251107"], 78, "no committed run of tenant t1 for BSDA 20251107000000"),
        (["prompts", "check", "nowhere"], 78, "the prompts folder nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy_and_the_exit_code(
    night: Night, arguments: list[str], code: int, said: str
) -> None:
    ended = call(night.home, *arguments)
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.returncode == code


def test_an_unreadable_file_has_a_named_outcome(night: Night, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 broken")
    ended = call(night.home, "try", str(tmp_path / "a.xlsx"))
    assert ended.returncode == 65
    assert ended.stdout.startswith("a.xlsx: FAILED, un")


def test_run_shows_its_report_and_report_shows_it_again(night: Night) -> None:
    night.drop("매출.csv", SALES)
    night.crawl()
    ran = call(night.home, "run", TENANT_CODE="t1", BSDA=night.bsda)
    assert ran.returncode == 0, ran.stderr
    assert "SUCCEEDED" in ran.stdout
    shown = call(night.home, "report", "t1", night.bsda)
    assert "1 succeeded, 0 failed" in shown.stdout
    again = call(night.home, "run", TENANT_CODE="t1", BSDA=night.bsda)
    assert "done before" in again.stdout


def test_an_empty_night_says_so_and_succeeds(night: Night) -> None:
    night.step("crawler")
    ran = call(night.home, "run", TENANT_CODE="t1", BSDA="20240101")
    assert ran.returncode == 0, ran.stderr
    assert "nothing to do: no document was crawled" in ran.stdout


def test_prompts_check_names_good_and_wrong_ones(night: Night) -> None:
    (night.home / "prompts" / "bad.yaml").write_text("prompt_id: 1\n")
    ended = call(night.home, "prompts", "check")
    assert ended.returncode == 78
    assert "sales_lines" in ended.stdout
    assert "1 prompts are good, 1 wrong" in ended.stdout


def test_help_is_quick_and_names_every_verb(night: Night) -> None:
    ended = call(night.home, "--help")
    for verb in ("demo", "run", "try", "prompts", "report", "samples"):
        assert verb in ended.stdout
