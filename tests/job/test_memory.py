"""What keeps a job of 100,000 documents flat: what it remembers of them, and where its threads allocate."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from llm_convert.job.account import Account
from llm_convert.job.progress import TELL_SECONDS, Progress
from llm_convert.readings.remembered import LONGEST, MOST, remembered

ARENAS = """
import ctypes, sys, threading
from llm_convert.job.memory import use_one_arena
if sys.argv[1] == "one":
    use_one_arena()
barrier = threading.Barrier(8)
def allocate():
    kept = [bytes(5_000) for _ in range(200)]
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out), libc.fflush(out)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs the GNU C library")
@pytest.mark.parametrize(("wish", "one"), [("one", True), ("many", False)])
def test_threads_share_one_arena(wish: str, one: bool) -> None:
    said = subprocess.run([sys.executable, "-c", ARENAS, wish], capture_output=True, text=True, check=True).stdout
    assert (said.count("<heap nr=") == 1) is one


def test_short_texts_are_remembered_and_long_ones_are_not() -> None:
    asked: list[str] = []
    length = remembered(lambda text: asked.append(text) or len(text))
    for text in ("소계", "x" * LONGEST, "y" * (LONGEST + 1)) * 2:
        assert length(text) == len(text)
    assert asked.count("소계") == asked.count("x" * LONGEST) == 1
    assert asked.count("y" * (LONGEST + 1)) == 2
    for number in range(MOST + 1):
        length(str(number))
    length("소계")
    assert asked.count("소계") == 2, "what was asked long ago is forgotten"


def test_the_last_word_about_a_position_stands() -> None:
    account = Account()
    account.put(7, "첫째".encode())
    account.put(2, b"{}")
    account.put(7, "둘째, 더 긴 것".encode())
    assert list(account.lines()) == [(2, b"{}"), (7, "둘째, 더 긴 것".encode())]
    assert (len(account), 7 in account, 3 in account) == (2, True, False)
    with pytest.raises(KeyError):
        account.line(3)
    account.close()


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    now = [0.0]
    progress = Progress(3, monotonic=lambda: now[0])
    told = []
    for seconds in (TELL_SECONDS / 2, TELL_SECONDS, TELL_SECONDS * 1.2):
        now[0] = seconds
        progress.done += 1
        told.append(progress.take_turn())
    assert told == [False, True, True]
