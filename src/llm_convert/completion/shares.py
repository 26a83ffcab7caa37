"""One rate among many who want some of it: how it is learnt together and divided. Data in, data out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from llm_convert.completion.learning import (
    BELOW,
    FASTEST_GROWTH,
    GROWTH_SECONDS,
    SEARCHING_GROWTH,
    SLOWEST_GROWTH,
)
from llm_convert.contracts.pacing import PaceMember, SharedRate

REMEMBERED = timedelta(days=14)
"""How long a learnt rate is believed."""
RETURN = 0.9
"""How far below a remembered rate a new night starts."""
DEEPEST_CUT = 0.8
SAME_SECONDS = 0.5
"""Cuts that follow each other so fast are of one overshoot."""
MEASURED_SECONDS = 2.0
"""After a cut, until the members' news tells what passes since."""


def divided(rate: float, demands: Mapping[str, float]) -> dict[str, float]:
    """Max-min fair shares: nobody gets more than it wants, and nobody who wants more has less than another.

    What nobody wants is divided equally, so that whoever starts to want something need not wait for the next division.
    """
    shares: dict[str, float] = {}
    left, waiting = rate, sorted(demands, key=lambda name: (demands[name], name))
    for position, name in enumerate(waiting):
        shares[name] = min(demands[name], left / (len(waiting) - position))
        left -= shares[name]
    return {name: share + left / len(shares) for name, share in shares.items()}


def joined(standing: SharedRate | None, capacity: str, now: datetime) -> SharedRate:
    """The state as a member finds it: without those whose lease is over, and without what was learnt too long ago."""
    if standing is None:
        return SharedRate(capacity=capacity, updated_at=now)
    alive = {name: member for name, member in standing.members.items() if member.expires_at > now}
    rate = standing.rate
    if rate is not None and not alive:
        rate = None if now - standing.updated_at > REMEMBERED else rate * RETURN
    return standing.model_copy(update={"members": alive, "rate": rate})


def advanced(state: SharedRate, now: datetime, *, refused: bool, known: float | None) -> SharedRate:
    """The state after one member's news: cut once for an episode, or grown for the time that passed.

    Args:
        state: with the member's own news in it.
        now: aware.
        refused: whether the member was refused since it adopted the rate.
        known: the rate that a member alone has learnt by itself; None while it has not, or where there are others.
    """
    if known is not None:
        return state.model_copy(update={"rate": known, "updated_at": now, "cut_at": now if refused else state.cut_at})
    if refused and state.rate is None:
        # The others' news is older than the first answers: what one got, all may get.
        fastest = max(member.accepted for member in state.members.values())
        first = max(1.0, fastest * len(state.members) / 2)
        return state.model_copy(update={"rate": first, "searching": True, "updated_at": now, "cut_at": now})
    if refused:
        return _cut(state, now)
    return state.model_copy(update={"rate": _grown(state, now), "updated_at": now})


def _cut(state: SharedRate, now: datetime) -> SharedRate:
    assert state.rate is not None
    seconds = (now - state.cut_at).total_seconds() if state.cut_at else 60.0
    if seconds < MEASURED_SECONDS:
        # Too soon after the last one: the members' news does not yet tell what passes.
        lower = state.rate * (0.7 if state.searching else 0.9)
        searching = state.searching and seconds < SAME_SECONDS
        return state.model_copy(update={"rate": lower, "searching": searching, "updated_at": now, "cut_at": now})
    accepted = max(0.1, sum(member.accepted for member in state.members.values()))
    rate = min(0.99 * state.rate, max(BELOW * accepted, DEEPEST_CUT * state.rate))
    return state.model_copy(update={"rate": rate, "searching": False, "updated_at": now, "cut_at": now})


def _grown(state: SharedRate, now: datetime) -> float | None:
    if state.rate is None or sum(member.demand for member in state.members.values()) <= state.rate:
        return state.rate
    quiet = (now - state.cut_at).total_seconds() if state.cut_at else 60.0
    if state.searching:
        return state.rate * (1 + SEARCHING_GROWTH * max(0.0, min(1.0, (now - state.updated_at).total_seconds())))
    growth: float = min(FASTEST_GROWTH, SLOWEST_GROWTH * 2.0 ** (min(quiet, 60.0) // GROWTH_SECONDS))
    seconds = max(0.0, min(2.0, (now - state.updated_at).total_seconds()))
    return state.rate * (1 + growth * seconds)


def member_of(*, accepted: float, wanted: bool, now: datetime, lease_seconds: float) -> PaceMember:
    """A member's news."""
    demand = 1e6 if wanted else 1.3 * accepted + 0.5
    return PaceMember(expires_at=now + timedelta(seconds=lease_seconds), accepted=accepted, demand=demand)
