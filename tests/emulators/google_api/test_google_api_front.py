"""What all emulators share: paging, transcoding, faults, processes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from google.cloud import run_v2
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.google_api import ApiError, Faults, LostResponseError
from llm_convert.testing.emulators.google_api.errors import CODES
from llm_convert.testing.emulators.google_api.http import HttpRequest
from llm_convert.testing.emulators.google_api.paging import page
from llm_convert.testing.emulators.google_api.transcoding import HttpRule, Method, Router
from llm_convert.testing.emulators.processes import Alarms, LocalProcess, base_environment


@given(
    items=st.lists(st.integers(0, 1000), unique=True, max_size=30),
    later=st.lists(st.integers(0, 1000), unique=True, max_size=10),
    size=st.integers(1, 7),
    newest_first=st.booleans(),
)
@settings(max_examples=60)
def test_pages_hold_every_item_once_whatever_comes_meanwhile(
    items: list[int], later: list[int], size: int, newest_first: bool
) -> None:
    standing, seen, token = list(items), [], ""
    for _ in range(100):
        chosen, token = page(standing, key=lambda n: [n], scope="s", size=size, token=token, newest_first=newest_first)
        assert len(chosen) <= size
        seen += chosen
        if not token:
            break
        standing = sorted({*standing, *later})
    assert len(seen) == len(set(seen))
    assert set(items) <= set(seen)
    assert seen == sorted(seen, reverse=newest_first)


@given(token=st.text(min_size=1, max_size=20))
def test_a_token_of_nobody_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="INVALID_ARGUMENT"):
        page([1, 2], key=lambda n: [n], scope="s", size=1, token=token)


def router(*rules: HttpRule) -> Router:
    method = Method(
        service="s", name="M", request=run_v2.RunJobRequest.pb(), handle=lambda request: request, rules=rules
    )
    return Router((method,))


@given(name=st.from_regex(r"[^/:?#\s]{1,12}", fullmatch=True))
def test_a_path_gives_its_fields_back(name: str) -> None:
    found = router(HttpRule(verb="POST", template="/v2/{name=projects/*/jobs/*}:run", body="*")).match(
        HttpRequest(verb="POST", path=f"/v2/projects/p/jobs/{name}:run", query={"validateOnly": ["true"]}, body=b"{}")
    )[1]
    assert (found.name, found.validate_only) == (f"projects/p/jobs/{name}", True)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v2/projects/p/jobs/j:run"),
        ("POST", "/v2/projects/p/jobs/j"),
        ("POST", "/v2/projects/p/jobs/j/x:run"),
        ("POST", "/v2/projects/p/jobs/:run"),
        ("POST", "/v2/projects/p/jobs/j:run/x"),
    ],
)
def test_a_path_of_nobody(verb: str, path: str) -> None:
    rule = HttpRule(verb="POST", template="/v2/{name=projects/*/jobs/*}:run", body="*")
    with pytest.raises(ApiError, match="NOT_FOUND"):
        router(rule).match(HttpRequest(verb=verb, path=path, query={}, body=b""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["overrides", "name", "x"]), inner),
    max_leaves=6,
)


@given(body=st.binary(max_size=30) | JSON.map(lambda data: json.dumps(data).encode()))
def test_a_body_is_a_message_or_refused(body: bytes) -> None:
    rule = HttpRule(verb="POST", template="/v2/{name=jobs/*}", body="*")
    try:
        _, found = router(rule).match(HttpRequest(verb="POST", path="/v2/jobs/j", query={}, body=body))
    except ApiError as error:
        status = error.status
    else:
        status = "OK" if found.name == "jobs/j" else "another name"
    assert status in {"OK", "INVALID_ARGUMENT"}


@pytest.mark.parametrize("status", [name for name in CODES if name != "OK"])
def test_every_status_can_be_asked_for(status: str) -> None:
    faults = Faults(fail_next={"*": [status]})
    with pytest.raises(ApiError) as caught:
        faults.fail("GetJob")
    assert caught.value.body()["error"]["status"] == status
    assert caught.value.http_status >= 400
    faults.fail("GetJob")


def test_lost_answers_are_counted_down() -> None:
    faults = Faults(lose_next={"RunJob": 1})
    faults.lose("GetJob")
    with pytest.raises(LostResponseError):
        faults.lose("RunJob")
    faults.lose("RunJob")


def test_an_end_before_and_after_the_end_of_a_process(tmp_path: Path) -> None:
    alarms = Alarms("test")
    process = LocalProcess(
        ["sh", "-c", "sleep 30"],
        environment=base_environment(),
        folder=tmp_path,
        log=tmp_path / "log",
        alarms=alarms,
    )
    process.end("first", grace_seconds=5)
    process.end("second", grace_seconds=0)
    assert (process.wait(), process.cause) == (-15, "first")
    process.kill("too late")
    process.end("too late", grace_seconds=0)
    alarms.stop()


def test_what_a_process_left_behind_ends_with_it(tmp_path: Path) -> None:
    alarms = Alarms("test")
    log = tmp_path / "log"
    process = LocalProcess(
        ["sh", "-c", "sleep 30 & echo $!"], environment=base_environment(), folder=tmp_path, log=log, alarms=alarms
    )
    assert (process.wait(), process.cause) == (0, "")
    deadline = time.monotonic() + 5
    while Path(f"/proc/{log.read_text().strip()}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)
    alarms.stop()


def test_alarms_ring_in_the_order_of_their_times() -> None:
    alarms, rung = Alarms("test"), []
    for seconds in (0.15, 0.05, 0.1):
        alarms.after(seconds, lambda seconds=seconds: rung.append(seconds))
    time.sleep(0.4)
    alarms.stop()
    assert rung == [0.05, 0.1, 0.15]
