"""Who goes first for a layout, and who waits: on virtual documents, with real waiting."""

from __future__ import annotations

import asyncio

from llm_convert.conversion.turns import MOST_GIVEN_UP, LayoutTurns, Look

STOCK = Look(prompt_id="p", sketch=frozenset({"품번", "품명", "현재고", "창고"}))
STOCK_CHANGED = Look(prompt_id="p", sketch=frozenset({"품번", "품명", "재고수량", "위치"}))
SALES = Look(prompt_id="p", sketch=frozenset({"품목", "판매일", "금액"}))
OTHER_PROMPT = Look(prompt_id="q", sketch=STOCK.sketch)
NO_HEADERS = Look(prompt_id="p", sketch=frozenset())


def test_what_looks_alike_waits_and_nothing_else() -> None:
    turns = LayoutTurns()
    first = turns.begin(STOCK, "a")
    assert turns.ahead(STOCK, "b") is first
    assert turns.ahead(STOCK_CHANGED, "b") is first, "half of the headers are there"
    assert turns.ahead(STOCK, "a") is None, "nobody waits for itself"
    for other in (SALES, OTHER_PROMPT, NO_HEADERS):
        assert turns.ahead(other, "b") is None
    turns.end(first, accepted=True)
    assert turns.ahead(STOCK, "b") is None
    assert (turns.accepted(STOCK), turns.accepted(SALES)) == (1, 0)


def test_a_layout_is_given_up_after_two_in_vain_and_not_for_what_says_nothing_of_it() -> None:
    turns = LayoutTurns()
    for _ in range(MOST_GIVEN_UP + 1):
        turns.end(turns.begin(STOCK, "a"), accepted=None)
    assert not turns.given_up(STOCK)
    for number in range(MOST_GIVEN_UP):
        assert not turns.given_up(STOCK)
        turns.end(turns.begin(STOCK, str(number)), accepted=False)
    assert turns.given_up(STOCK)
    assert not turns.given_up(SALES)


def test_all_who_wait_hear_that_it_is_over() -> None:
    async def scene() -> list[int]:
        turns, heard = LayoutTurns(), []
        first = turns.begin(STOCK, "a")

        async def other(number: int) -> None:
            await turns.wait_for(first)
            heard.append(number)

        waiting = [asyncio.create_task(other(number)) for number in range(3)]
        await asyncio.sleep(0.01)
        assert heard == []
        turns.end(first, accepted=True)
        await asyncio.gather(*waiting)
        return sorted(heard)

    assert asyncio.run(scene()) == [0, 1, 2]


def test_one_that_is_expected_and_never_comes_holds_nobody_up_for_long() -> None:
    async def scene() -> None:
        turns = LayoutTurns(expected_wait_seconds=0.02)
        turns.expect(STOCK, "a")
        ahead = turns.ahead(STOCK, "b")
        assert ahead is not None
        await asyncio.wait_for(turns.wait_for(ahead), 5)
        assert turns.ahead(STOCK, "b") is None

    asyncio.run(scene())


def test_one_that_is_expected_and_has_begun_is_waited_for_to_its_end() -> None:
    async def scene() -> None:
        turns = LayoutTurns(expected_wait_seconds=0.02)
        turns.expect(STOCK, "a")
        ahead = turns.ahead(STOCK, "b")
        assert ahead is not None
        waiting = asyncio.create_task(turns.wait_for(ahead))
        assert turns.begin(STOCK, "a") is ahead
        await asyncio.sleep(0.05)
        assert not waiting.done()
        turns.end(ahead, accepted=True)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(scene())


def test_who_was_begun_first_goes_first_however_fast_the_others_are_read() -> None:
    async def scene() -> list[str]:
        turns, asked = LayoutTurns(), []

        async def document(name: str, look: Look, reading_seconds: float) -> None:
            with turns.under_way(look.prompt_id, name):
                await asyncio.sleep(reading_seconds)
                if not name.startswith("letter"):
                    await turns.wait_for_earlier(look.prompt_id, name)
                    asked.append(name)
                    turns.end(turns.begin(look, name), accepted=True)

        slow_to_quick = [("a", STOCK, 0.06), ("letter", STOCK, 0.03), ("b", STOCK, 0.0), ("q", OTHER_PROMPT, 0.0)]
        await asyncio.wait_for(asyncio.gather(*(document(*one) for one in slow_to_quick)), 5)
        return asked

    assert asyncio.run(scene()) == ["q", "a", "b"], "another prompt's documents wait for none of these"
