"""What the platform may do to any account."""

import asyncio

from tests.integration.api.people import Person, expect, log_in
from tests.integration.api.stack import PLATFORM, Stack


async def test_the_platform_sets_a_forgotten_password(stack: Stack, admin: Person) -> None:
    me = (await expect(await admin.http.get("/v1/me"), 200))["operator"]
    platform = stack.client(PLATFORM)
    body = {"login": me["login"], "password": "forgotten no more"}
    await expect(await platform.put("/v1/accounts/acme/password", json=body), 204)
    assert (await admin.http.get("/v1/me")).status_code == 401
    await log_in(stack, "acme", me["login"], "forgotten no more")


async def test_nobody_has_a_password_set_who_is_not_there(stack: Stack, admin: Person) -> None:
    platform = stack.client(PLATFORM)
    body = {"login": "nobody", "password": "forgotten no more"}
    answer = await platform.put("/v1/accounts/acme/password", json=body)
    assert (await expect(answer, 404))["code"] == "operator_unknown"


async def test_the_projections_are_built_anew_while_chats_go_on(
    stack: Stack, admin: Person
) -> None:
    platform = stack.client(PLATFORM)
    assert (await expect(await platform.post("/v1/rebuild"), 202))["running"]
    await expect(await admin.http.post("/v1/groups", json={"name": "Meanwhile"}), 201)
    async with asyncio.timeout(10):
        while (view := await expect(await platform.get("/v1/rebuild"), 200))["running"]:
            await asyncio.sleep(0)
    assert view["done"] == view["total"] > 0
    groups = (await expect(await admin.http.get("/v1/groups"), 200))["items"]
    assert [group["name"] for group in groups] == ["Meanwhile"]
