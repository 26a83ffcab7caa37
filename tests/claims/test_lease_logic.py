from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from llm_convert.claims.lease import Held, Lease, following, renewed

NOW = datetime(2025, 11, 7, 14, tzinfo=UTC)
SECONDS = st.floats(min_value=0.001, max_value=1e6)


def lease(owner="a", *, attempt=1, ends_in=300.0):
    return Lease(owner=owner, run_id="r", attempt=attempt, claimed_at=NOW, expires_at=NOW + timedelta(seconds=ends_in))


def ask(standing, owner="b", seconds=300.0):
    return following(standing, owner=owner, run_id="r2", now=NOW, seconds=seconds)


def test_the_first_owner_has_attempt_1():
    taken = ask(None)
    assert isinstance(taken, Lease)
    assert (taken.owner, taken.run_id, taken.attempt, taken.claimed_at) == ("b", "r2", 1, NOW)
    assert taken.seconds_left(NOW) == 300


def test_a_lease_that_holds_is_told_with_its_owner_and_end():
    assert ask(lease(ends_in=12.5)) == Held(owner="a", run_id="r", seconds_left=12.5)


def test_a_lease_has_run_out_at_its_very_end():
    taken = ask(lease(attempt=3, ends_in=0))
    assert isinstance(taken, Lease)
    assert (taken.owner, taken.attempt) == ("b", 4)


def test_an_owner_has_his_own_again_and_it_is_the_same_attempt():
    taken = ask(lease(attempt=3, ends_in=10), owner="a")
    assert isinstance(taken, Lease)
    assert (taken.attempt, taken.seconds_left(NOW)) == (3, 300)
    assert ask(lease(attempt=3, ends_in=-10), owner="a").attempt == 4


@given(ends_in=st.floats(min_value=-1e6, max_value=1e6), seconds=SECONDS)
def test_a_renewal_never_shortens_and_continues_the_same_lease(ends_in, seconds):
    old = lease(ends_in=ends_in)
    new = renewed(old, now=NOW, seconds=seconds)
    assert new.expires_at >= old.expires_at
    assert new.seconds_left(NOW) >= timedelta(seconds=seconds).total_seconds()
    assert new.continues(old)
    assert Lease.from_json(new.to_json()).continues(old)


def test_another_owner_attempt_or_claim_is_no_continuation():
    assert not lease("b").continues(lease("a"))
    assert not lease(attempt=2).continues(lease(attempt=1))
    later = following(lease(), owner="a", run_id="r", now=NOW + timedelta(seconds=1), seconds=300)
    assert isinstance(later, Lease)
    assert not later.continues(lease())


def test_claim_json_is_plain_to_a_person():
    assert lease().to_json() == (
        b'{"owner":"a","run_id":"r","attempt":1,'
        b'"claimed_at":"2025-11-07T14:00:00Z","expires_at":"2025-11-07T14:05:00Z","in_doubt":[]}'
    )
