"""1,000 of them at once for the same 10 seats: exactly 10 get one, 990 are clearly refused."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx

from tests.integration.api.people import (
    Person,
    ask_for_chat,
    expect,
    go_online,
    new_account,
    new_operator,
    new_visitor,
)
from tests.integration.api.stack import Stack, running_stack

CROWD = 1_000
SEATS = 10


def outcome(answer: httpx.Response) -> str:
    return "seat" if answer.is_success else f"{answer.status_code} {answer.json()['code']}"


async def crowd(stack: Stack) -> list[Person]:
    return await asyncio.gather(*(new_visitor(stack, "acme") for _ in range(CROWD)))


async def load_of(admin: Person, desk: str) -> int:
    return int((await expect(await admin.http.get(f"/v1/desks/{desk}"), 200))["load"])


async def test_a_thousand_visitors_race_for_ten_seats(tmp_path: Path) -> None:
    async with running_stack(tmp_path, burst_per_address=2 * CROWD) as stack:
        admin = await new_account(stack, "acme")
        settings = {"desk_limit": SEATS, "queue_limit": 0}
        await expect(await admin.http.patch("/v1/account", json=settings), 200)
        await go_online(admin)
        visitors = await crowd(stack)
        asked = await asyncio.gather(
            *(visitor.http.post("/v1/chats", json={}) for visitor in visitors)
        )
        assert Counter(map(outcome, asked)) == {"seat": SEATS, "409 queue_full": CROWD - SEATS}
        desk = (await expect(await admin.http.get("/v1/me"), 200))["operator"]["desk"]
        assert await load_of(admin, desk) == SEATS


async def test_a_thousand_operators_race_for_ten_seats(tmp_path: Path) -> None:
    async with running_stack(
        tmp_path, burst_per_address=2 * CROWD, burst_per_viewer=2 * CROWD
    ) as stack:
        admin = await new_account(stack, "acme")
        await expect(await admin.http.patch("/v1/account", json={"routing": "manual"}), 200)
        body = {"name": "Sales", "limit": SEATS}
        desk = (await expect(await admin.http.post("/v1/desks", json=body), 201))["id"]
        operators = [await new_operator(stack, admin, f"operator{n}") for n in range(20)]
        for operator in operators:
            await expect(await admin.http.put(f"/v1/desks/{desk}/staff/{operator.id}"), 200)
        visitors = await crowd(stack)
        chats = await asyncio.gather(*(ask_for_chat(visitor) for visitor in visitors))
        joined = await asyncio.gather(
            *(
                operators[number % len(operators)].http.post(
                    f"/v1/chats/{chat}/join", json={"desk": desk}
                )
                for number, chat in enumerate(chats)
            )
        )
        assert Counter(map(outcome, joined)) == {"seat": SEATS, "409 desk_full": CROWD - SEATS}
        assert await load_of(admin, desk) == SEATS


async def test_a_thousand_joins_of_one_chat_have_one_winner(tmp_path: Path) -> None:
    async with running_stack(tmp_path, burst_per_viewer=2 * CROWD) as stack:
        admin = await new_account(stack, "acme")
        operators = [await new_operator(stack, admin, f"operator{n}") for n in range(20)]
        await expect(await admin.http.patch("/v1/account", json={"routing": "manual"}), 200)
        chat = await ask_for_chat(await new_visitor(stack, "acme"))
        joined = await asyncio.gather(
            *(
                operators[number % len(operators)].http.post(f"/v1/chats/{chat}/join", json={})
                for number in range(CROWD)
            )
        )
        outcomes = Counter(map(outcome, joined))
        assert outcomes.pop("seat") == 1
        assert set(outcomes) == {"409 chat_taken", "409 already_in_chat"}
