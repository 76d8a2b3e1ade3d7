from schemas.actions import ChangeVisitor
from streams.domain.access import Viewer
from tests.integration.api.people import Person, expect, new_operator, new_visitor
from tests.integration.api.stack import Stack


async def test_an_account_is_set_by_its_admin(stack: Stack, admin: Person) -> None:
    changed = await admin.http.patch("/v1/account", json={"routing": "manual", "desk_limit": 2})
    settings = (await expect(changed, 200))["settings"]
    assert (settings["routing"], settings["desk_limit"]) == ("manual", 2)
    shown = await admin.http.get("/v1/account")
    assert (await expect(shown, 200))["settings"] == settings
    assert shown.headers["deskstream-version"] == changed.headers["deskstream-version"]


async def test_operators_are_added_changed_and_paused(stack: Stack, admin: Person) -> None:
    body = {"name": "Ben", "login": "ben", "role": "supervisor"}
    added = await admin.http.post("/v1/operators", json=body)
    ben = await expect(added, 201)
    assert added.headers["location"] == f"/v1/operators/{ben['id']}"
    assert ben["role"] == "supervisor"
    taken = await admin.http.post("/v1/operators", json=body)
    assert (await expect(taken, 409))["code"] == "login_taken"

    url = f"/v1/operators/{ben['id']}"
    assert (await expect(await admin.http.patch(url, json={"name": "Benno"}), 200))[
        "name"
    ] == "Benno"
    online = await admin.http.put(f"{url}/availability", json={"availability": "online"})
    assert (await expect(online, 200))["availability"] == "online"
    assert (await expect(await admin.http.post(f"{url}/pause"), 200))["paused"]
    assert not (await expect(await admin.http.post(f"{url}/activate"), 200))["paused"]
    names = [item["name"] for item in (await admin.http.get("/v1/operators")).json()["items"]]
    assert names == ["Ana", "Benno"]
    await expect(await admin.http.delete(url), 204)
    assert (await expect(await admin.http.get(url), 404))["code"] == "operator_unknown"


async def test_desks_are_added_staffed_and_removed(stack: Stack, admin: Person) -> None:
    group = await expect(await admin.http.post("/v1/groups", json={"name": "Orders"}), 201)
    body = {"name": "Sales", "limit": 3, "groups": [group["id"]]}
    added = await admin.http.post("/v1/desks", json=body)
    desk = await expect(added, 201)
    url = added.headers["location"]
    assert (desk["limit"], desk["groups"]) == (3, [group["id"]])
    staffed = await expect(await admin.http.put(f"{url}/staff/{admin.id}"), 200)
    assert staffed["staff"] == [admin.id]
    left = await expect(await admin.http.delete(f"{url}/staff/{admin.id}"), 200)
    assert left["staff"] == []
    changed = await expect(await admin.http.patch(url, json={"limit": 4}), 200)
    assert (changed["name"], changed["limit"]) == ("Sales", 4)
    assert len((await admin.http.get("/v1/desks")).json()["items"]) == 2
    await expect(await admin.http.delete(url), 204)
    await expect(await admin.http.get(url), 404)
    unknown = await admin.http.put(f"{url}/staff/{admin.id}")
    assert (await expect(unknown, 404))["code"] == "desk_unknown"


async def test_groups_are_renamed_and_removed(stack: Stack, admin: Person) -> None:
    added = await admin.http.post("/v1/groups", json={"name": "Orders"})
    group = await expect(added, 201)
    url = f"/v1/groups/{group['id']}"
    assert (await expect(await admin.http.patch(url, json={"name": "Returns"}), 200))[
        "name"
    ] == "Returns"
    assert (await expect(await admin.http.get(url), 200))["name"] == "Returns"
    await expect(await admin.http.delete(url), 204)
    assert (await admin.http.get("/v1/groups")).json()["items"] == []


async def test_visitors_are_seen_by_staff_and_themselves(stack: Stack, admin: Person) -> None:
    vera, otto = await new_visitor(stack, "acme", "Vera"), await new_visitor(stack, "acme")
    url = f"/v1/visitors/{vera.id}"
    change = {"email": "vera@example.org"}
    assert (await expect(await vera.http.patch(url, json=change), 200))["email"] == change["email"]
    assert (await expect(await admin.http.get(url), 200))["name"] == "Vera"
    assert len((await admin.http.get("/v1/visitors")).json()["items"]) == 2
    for answer in (await otto.http.get(url), await otto.http.patch(url, json=change)):
        assert (await expect(answer, 404))["code"] == "visitor_unknown"
    await expect(await otto.http.get("/v1/visitors"), 403)
    await expect(await otto.http.get(f"{url}/messages"), 404)


async def test_what_is_no_visitor_cannot_be_changed(stack: Stack, admin: Person) -> None:
    for id in (admin.id, "unknown", "0" * 20):
        answer = await admin.http.patch(f"/v1/visitors/{id}", json={"name": "Nobody"})
        assert (await expect(answer, 404))["code"] == "visitor_unknown"


async def test_an_agent_reads_the_organisation_but_does_not_change_it(
    stack: Stack, admin: Person
) -> None:
    ben = await new_operator(stack, admin, "ben")
    for path in ("/v1/account", "/v1/operators", "/v1/desks", "/v1/groups", "/v1/visitors"):
        await expect(await ben.http.get(path), 200)
    await expect(await ben.http.post("/v1/desks", json={"name": "Mine"}), 403)
    await expect(await ben.http.patch("/v1/account", json={"desk_limit": 1}), 403)
    theirs = f"/v1/operators/{admin.id}/availability"
    await expect(await ben.http.put(theirs, json={"availability": "offline"}), 403)


async def test_a_change_of_what_is_no_visitor_harms_nothing(stack: Stack, admin: Person) -> None:
    system = Viewer(kind="system", id="system", account="acme")
    change = ChangeVisitor(visitor=admin.id, name="Nobody")
    answer = await stack.services.gateway.act(system, change)
    assert await stack.services.projections.reached("acme", answer.version, 5)
    assert await stack.services.projections.visitor("acme", admin.id) is None
