"""Timers on the loop that the service runs on."""

import asyncio

import uvloop

from schemas.actions import Action
from streams.timers import EXPIRED_AT_ONCE, OfferTimers

START = 1_000_000
SECOND = 1_000
LATE = START + 60 * SECOND


def fired(*offers: tuple[str, int]) -> list[str]:
    """The conversations whose offers ran out at `LATE`, in that order."""

    async def run() -> list[str]:
        expired: list[Action] = []
        all_expired = asyncio.Event()

        def append(actions: list[Action]) -> asyncio.Future[int]:
            expired.extend(actions)
            if len(expired) == len(offers):
                all_expired.set()
            appended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            appended.set_result(0)
            return appended

        timers = OfferTimers(lambda: LATE, append)
        for conversation, until in offers:
            timers.offer("acme", "chat", conversation, START, until)
        async with asyncio.timeout(5):
            await all_expired.wait()
        timers.stop()
        return [action.id for action in expired]

    return uvloop.run(run())


def test_offers_that_ran_out_while_nobody_decided_expire_at_once() -> None:
    assert sorted(fired(("a", START + 10), ("b", START + 20), ("c", START + 15))) == [
        "expire-a",
        "expire-b",
        "expire-c",
    ]


def test_more_offers_than_one_append_holds_expire() -> None:
    offers = [(f"{number}", START + 1) for number in range(2 * EXPIRED_AT_ONCE + 1)]
    assert sorted(fired(*offers)) == sorted(f"expire-{number}" for number, _ in offers)


def test_offers_expire_when_they_are_due() -> None:
    assert fired(("later", LATE + 40), ("soon", LATE + 20), ("past", START + 1)) == [
        "expire-past",
        "expire-soon",
        "expire-later",
    ]
