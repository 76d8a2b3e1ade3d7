"""Membership in the group of deciders, when no broker answers."""

import asyncio

import pytest

from streams import membership as memberships
from streams.decider import Decider
from streams.deciders import Deciders
from streams.membership import Membership


def no_decider(partition: int) -> Decider:
    raise AssertionError(partition)


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_member_leaves_though_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "TELL_WITHIN", 0.05)
    monkeypatch.setattr(memberships, "LEAVE_WITHIN", 0.05)
    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()
    options = {"bootstrap_servers": f"{host}:{port}", "request_timeout_ms": 60_000}
    member = Membership(options, "actions", Deciders(no_decider), session=6.0)
    running = asyncio.create_task(member.run())
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
            await member.leave()
            running.cancel()
            await asyncio.wait([running])
        assert running.cancelled()
    finally:
        silent.close()
