"""An account with people in it, for the tests of the API."""

from typing import Any, NamedTuple

import httpx

from tests.integration.api.stack import PASSWORD, PLATFORM, Stack


class Person(NamedTuple):
    """An operator or visitor, with a client that carries their token."""

    id: str
    token: str
    http: httpx.AsyncClient


async def expect(response: httpx.Response, status: int) -> Any:
    """The answer's JSON, after a look at its status."""
    assert response.status_code == status, (response.request.url, response.text)
    return response.json() if response.content else None


async def new_account(stack: Stack, account: str, admin: str = "ana") -> Person:
    """An account and its admin, logged in."""
    body = {
        "id": account,
        "name": account.title(),
        "admin": {"name": admin.title(), "login": admin, "password": PASSWORD},
    }
    await expect(await stack.client(PLATFORM).post("/v1/accounts", json=body), 201)
    return await log_in(stack, account, admin)


async def log_in(stack: Stack, account: str, login: str, password: str = PASSWORD) -> Person:
    """An operator's session."""
    body = {"account": account, "login": login, "password": password}
    answer = await expect(await stack.client().post("/v1/login", json=body), 200)
    return Person(answer["operator"]["id"], answer["token"], stack.client(answer["token"]))


async def new_operator(stack: Stack, admin: Person, login: str, role: str = "agent") -> Person:
    """An operator of the admin's account, logged in."""
    body = {"name": login.title(), "login": login, "role": role, "password": PASSWORD}
    await expect(await admin.http.post("/v1/operators", json=body), 201)
    account = (await expect(await admin.http.get("/v1/account"), 200))["id"]
    return await log_in(stack, account, login)


async def new_visitor(stack: Stack, account: str, name: str | None = None) -> Person:
    """A visitor with a token."""
    answer = await expect(
        await stack.client().post("/v1/visitors", json={"account": account, "name": name}), 201
    )
    return Person(answer["visitor"]["id"], answer["token"], stack.client(answer["token"]))


async def go_online(operator: Person) -> None:
    """Take chats from now on."""
    url = f"/v1/operators/{operator.id}/availability"
    await expect(await operator.http.put(url, json={"availability": "online"}), 200)


async def ask_for_chat(visitor: Person) -> str:
    """The id of a new chat."""
    chat = await expect(await visitor.http.post("/v1/chats", json={}), 201)
    return str(chat["id"])


async def talking(stack: Stack, operator: Person, visitor: Person) -> str:
    """The id of a chat between these two."""
    await go_online(operator)
    chat = await ask_for_chat(visitor)
    await expect(await operator.http.post(f"/v1/chats/{chat}/join", json={}), 200)
    return chat


def text(words: str, **more: Any) -> dict[str, Any]:
    """The body of a message."""
    return {"content": {"type": "text", "text": words}, **more}
