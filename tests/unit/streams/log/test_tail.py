"""The tail: what it keeps, what it forgets."""

import asyncio

import pytest

from streams.log.errors import LogClosed, OffsetOutOfRange
from streams.log.tail import Retention, Tail


async def test_it_forgets_the_oldest_beyond_twice_the_number_of_records() -> None:
    tail = Tail(0, Retention(records=10))
    for number in range(21):
        tail.add([b"%d" % number])
    assert (tail.first, tail.end) == (11, 21)
    assert tail.read(10, 5) is None
    assert [record.value for record in tail.read(11, 2) or []] == [b"11", b"12"]


async def test_it_forgets_the_oldest_beyond_twice_the_bytes() -> None:
    tail = Tail(100, Retention(bytes=1000))
    for _ in range(21):
        tail.add([b"x" * 100])
    assert tail.first == 111
    assert len(tail.read(111, 100) or []) == 10


async def test_the_newest_record_stays_however_large() -> None:
    tail = Tail(0, Retention(bytes=10))
    tail.add([b"small", b"x" * 1000])
    assert [record.offset for record in tail.read(1, 10) or []] == [1]


async def test_it_forgets_what_is_too_old() -> None:
    now = 0.0
    tail = Tail(0, Retention(seconds=60), clock=lambda: now)
    tail.add([b"a"])
    now = 50.0
    tail.add([b"b"])
    assert tail.first == 0
    now = 100.0
    tail.add([b"c"])
    assert tail.first == 1


async def test_a_cancelled_wait_leaves_no_trace_and_the_others_go_on() -> None:
    tail = Tail(0, Retention())
    waits = [asyncio.create_task(tail.wait(0)) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    tail.add([b"x"])
    results = await asyncio.gather(*waits, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [None, None]


async def test_closing_ends_every_wait() -> None:
    tail = Tail(0, Retention())
    waiting = asyncio.create_task(tail.wait(5))
    await asyncio.sleep(0)
    tail.close()
    with pytest.raises(LogClosed):
        await waiting


async def test_a_leap_forgets_what_was_before_and_wakes_who_waits() -> None:
    tail = Tail(0, Retention(records=10))
    tail.add([b"a", b"b"])
    waiting = asyncio.create_task(tail.wait(5))
    await asyncio.sleep(0)
    assert tail.waiting
    tail.leap(7)
    await waiting
    assert (tail.first, tail.end, tail.waiting) == (7, 7, False)
    assert tail.read(1, 10) is None
    tail.add([b"c"])
    assert [record.offset for record in tail.read(7, 10) or []] == [7]


async def test_an_error_that_ends_it_is_what_everybody_gets() -> None:
    tail = Tail(0, Retention())
    waiting = asyncio.create_task(tail.wait(0))
    await asyncio.sleep(0)
    tail.close(OffsetOutOfRange("gone"))
    assert tail.closed
    for outcome in (waiting, tail.wait(0)):
        with pytest.raises(OffsetOutOfRange, match="gone"):
            await outcome
    with pytest.raises(OffsetOutOfRange, match="gone"):
        tail.read(0, 1)
