import asyncio

import pytest

from tests.integration.api.people import (
    Person,
    expect,
    log_in,
    new_account,
    new_operator,
    new_visitor,
)
from tests.integration.api.stack import PASSWORD, PLATFORM, Stack


async def test_an_account_is_made_by_the_platform_alone(stack: Stack, admin: Person) -> None:
    body = {
        "id": "beta",
        "name": "Beta",
        "admin": {"name": "Bea", "login": "bea", "password": PASSWORD},
    }
    refused = await admin.http.post("/v1/accounts", json=body)
    assert (await expect(refused, 403))["code"] == "not_allowed"
    made = await stack.client(PLATFORM).post("/v1/accounts", json=body)
    assert (await expect(made, 201))["account"]["id"] == "beta"
    assert made.headers["location"] == "/v1/accounts/beta"
    again = await stack.client(PLATFORM).post("/v1/accounts", json=body)
    assert (await expect(again, 409))["code"] == "account_exists"
    shown = await stack.client(PLATFORM).get("/v1/accounts/beta")
    assert (await expect(shown, 200))["name"] == "Beta"
    missing = await stack.client(PLATFORM).get("/v1/accounts/gamma")
    assert (await expect(missing, 404))["code"] == "account_unknown"


async def test_the_platform_may_nothing_else(stack: Stack, admin: Person) -> None:
    platform = stack.client(PLATFORM)
    for path in ("/v1/me", "/v1/account", "/v1/operators", "/v1/chats", "/v1/state", "/v1/events"):
        assert (await expect(await platform.get(path), 403))["code"] == "not_allowed"
    posted = await platform.post("/v1/groups", json={"name": "x"})
    assert (await expect(posted, 403))["code"] == "not_allowed"


async def test_a_login_gives_a_token_and_a_logout_ends_it(stack: Stack, admin: Person) -> None:
    me = await expect(await admin.http.get("/v1/me"), 200)
    assert me["operator"]["login"] == "ana"
    assert (me["kind"], me["account"]) == ("operator", "acme")
    other = await log_in(stack, "acme", "ana")
    await expect(await admin.http.post("/v1/logout"), 204)
    gone = await admin.http.get("/v1/me")
    assert (await expect(gone, 401))["code"] == "unauthenticated"
    assert gone.headers["www-authenticate"] == "Bearer"
    await expect(await other.http.get("/v1/me"), 200)


async def test_wrong_logins_are_all_answered_alike(stack: Stack, admin: Person) -> None:
    await new_operator(stack, admin, "ben")
    answers = set()
    for account, login in (("acme", "ana"), ("acme", "nobody"), ("nowhere", "ana")):
        body = {"account": account, "login": login, "password": "wrong"}
        answer = await stack.client().post("/v1/login", json=body)
        assert answer.status_code == 401
        answers.add(answer.text)
    assert len(answers) == 1


async def test_guessing_has_to_wait(stack: Stack, admin: Person) -> None:
    body = {"account": "acme", "login": "ana", "password": "wrong"}
    tries = [await stack.client().post("/v1/login", json=body) for _ in range(8)]
    statuses = [answer.status_code for answer in tries]
    assert statuses[:6] == [401] * 6
    assert statuses[-1] == 429
    assert tries[-1].json()["code"] == "too_many_logins"
    assert int(tries[-1].headers["retry-after"]) >= 1
    right = {**body, "password": PASSWORD}
    assert (await stack.client().post("/v1/login", json=right)).status_code == 429


async def test_guessing_all_at_once_gains_nothing(stack: Stack, admin: Person) -> None:
    body = {"account": "acme", "login": "ana", "password": "wrong"}
    tries = await asyncio.gather(*(stack.client().post("/v1/login", json=body) for _ in range(30)))
    assert sum(answer.status_code == 401 for answer in tries) <= 6


async def test_tokens_are_listed_and_revoked_by_their_operator(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben")
    second = await log_in(stack, "acme", "ben")
    tokens = (await expect(await ben.http.get("/v1/tokens"), 200))["items"]
    assert [token["current"] for token in tokens] == [True, False]
    await expect(await ben.http.delete(f"/v1/tokens/{tokens[1]['id']}"), 204)
    await expect(await second.http.get("/v1/me"), 401)
    again = await ben.http.delete(f"/v1/tokens/{tokens[1]['id']}")
    assert (await expect(again, 404))["code"] == "token_unknown"

    theirs = (await expect(await admin.http.get("/v1/tokens"), 200))["items"]
    hidden = await ben.http.delete(f"/v1/tokens/{theirs[0]['id']}")
    assert (await expect(hidden, 404))["code"] == "token_unknown"
    await expect(await ben.http.get("/v1/tokens", params={"operator": admin.id}), 403)
    listed = await admin.http.get("/v1/tokens", params={"operator": ben.id})
    assert len((await expect(listed, 200))["items"]) == 1
    await expect(await admin.http.delete(f"/v1/tokens/{tokens[0]['id']}"), 204)
    await expect(await ben.http.get("/v1/me"), 401)


async def test_another_accounts_tokens_do_not_exist(stack: Stack, admin: Person) -> None:
    bea = await new_account(stack, "beta", "bea")
    theirs = (await expect(await admin.http.get("/v1/tokens"), 200))["items"]
    hidden = await bea.http.delete(f"/v1/tokens/{theirs[0]['id']}")
    assert (await expect(hidden, 404))["code"] == "token_unknown"
    await expect(await admin.http.get("/v1/me"), 200)


async def test_a_new_password_ends_all_tokens(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben")
    url = f"/v1/operators/{ben.id}/password"
    for current in ({}, {"current": "wrong"}):
        refused = await ben.http.put(url, json={"password": "another sesame", **current})
        assert (await expect(refused, 403))["code"] == "password_wrong"
    body = {"password": "another sesame", "current": PASSWORD}
    await expect(await ben.http.put(url, json=body), 204)
    await expect(await ben.http.get("/v1/me"), 401)
    again = await log_in(stack, "acme", "ben", "another sesame")
    await expect(await admin.http.put(url, json={"password": "a third sesame"}), 204)
    await expect(await again.http.get("/v1/me"), 401)
    await log_in(stack, "acme", "ben", "a third sesame")


async def test_a_password_that_changes_during_a_login_lets_nobody_in(
    stack: Stack, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = await new_operator(stack, admin, "ben")
    verify = stack.services.passwords.verify

    async def changed_meanwhile(encoded: str | None, password: str) -> bool:
        right = await verify(encoded, password)
        body = {"password": "another sesame"}
        await expect(await admin.http.put(f"/v1/operators/{ben.id}/password", json=body), 204)
        return right

    monkeypatch.setattr(stack.services.passwords, "verify", changed_meanwhile)
    body = {"account": "acme", "login": "ben", "password": PASSWORD}
    late = await stack.client().post("/v1/login", json=body)
    assert (await expect(late, 401))["code"] == "login_failed"
    tokens = await admin.http.get("/v1/tokens", params={"operator": ben.id})
    assert (await expect(tokens, 200))["items"] == []


async def test_a_demoted_admin_is_no_admin_any_more(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben", "admin")
    await expect(await ben.http.post("/v1/groups", json={"name": "Orders"}), 201)
    demoted = await admin.http.patch(f"/v1/operators/{ben.id}", json={"role": "agent"})
    assert (await expect(demoted, 200))["role"] == "agent"
    await expect(await ben.http.post("/v1/groups", json={"name": "Returns"}), 403)


async def test_a_removed_operator_is_out(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben")
    await expect(await admin.http.delete(f"/v1/operators/{ben.id}"), 204)
    await expect(await ben.http.get("/v1/me"), 401)
    last = await admin.http.delete(f"/v1/operators/{admin.id}")
    assert (await expect(last, 409))["code"] == "last_admin"


async def test_visitors_come_in_and_stay(stack: Stack, admin: Person) -> None:
    vera = await new_visitor(stack, "acme", "Vera")
    me = await expect(await vera.http.get("/v1/me"), 200)
    assert me["visitor"]["name"] == "Vera"
    renewed = await expect(await vera.http.post("/v1/visitors/me/token"), 200)
    again = stack.client(renewed["token"])
    assert (await expect(await again.get("/v1/me"), 200))["visitor"]["id"] == vera.id
    await expect(await admin.http.post("/v1/visitors/me/token"), 403)
    nowhere = await stack.client().post("/v1/visitors", json={"account": "nowhere"})
    assert (await expect(nowhere, 404))["code"] == "account_unknown"
