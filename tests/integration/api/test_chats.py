from tests.integration.api.people import (
    Person,
    ask_for_chat,
    expect,
    go_online,
    new_operator,
    new_visitor,
    talking,
    text,
)
from tests.integration.api.stack import Stack


async def test_a_visitor_and_an_operator_talk(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme", "Vera")
    chat = await talking(stack, admin, visitor)

    said = await visitor.http.post(f"/v1/chats/{chat}/messages", json=text("hello"))
    posted = await expect(said, 201)
    assert said.headers["deskstream-version"] == str(posted["version"])

    version = {"deskstream-version": str(posted["version"])}
    url = f"/v1/chats/{chat}/messages"
    page = await expect(await admin.http.get(url, headers=version), 200)
    assert [message["content"]["text"] for message in page["items"]] == ["hello"]
    assert page["items"][0]["id"] == posted["id"]
    assert page["items"][0]["at"] == posted["at"]


async def test_a_chat_goes_from_request_to_close(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    await go_online(admin)
    asked = await visitor.http.post("/v1/chats", json={"subject": "An order"})
    chat = (await expect(asked, 201))["id"]
    assert asked.headers["location"] == f"/v1/chats/{chat}"

    offered = await expect(await admin.http.get(f"/v1/chats/{chat}"), 200)
    assert offered["status"] == "offered"
    joined = await expect(await admin.http.post(f"/v1/chats/{chat}/join", json={}), 200)
    assert (joined["status"], joined["owner"]) == ("active", admin.id)
    closed = await expect(await visitor.http.post(f"/v1/chats/{chat}/close"), 200)
    assert closed["status"] == "closed"

    late = await visitor.http.post(f"/v1/chats/{chat}/messages", json=text("too late"))
    assert (await expect(late, 409))["code"] == "chat_closed"


async def test_a_waiting_chat_knows_its_place(stack: Stack, admin: Person) -> None:
    first, second = await new_visitor(stack, "acme"), await new_visitor(stack, "acme")
    await ask_for_chat(first)
    chat = await ask_for_chat(second)
    place = await expect(await second.http.get(f"/v1/chats/{chat}/position"), 200)
    assert place == {"chat": chat, "status": "queued", "position": 2}


async def test_staff_do_not_ask_for_chats(stack: Stack, admin: Person) -> None:
    refused = await admin.http.post("/v1/chats", json={})
    assert (await expect(refused, 403))["code"] == "not_allowed"


async def test_a_transfer_moves_a_chat_to_another_operator(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben")
    visitor = await new_visitor(stack, "acme")
    chat = await talking(stack, admin, visitor)
    await go_online(ben)
    to = {"to": {"kind": "operator", "id": ben.id}}
    moved = await expect(await admin.http.post(f"/v1/chats/{chat}/transfer", json=to), 200)
    assert moved["status"] == "offered"
    again = await admin.http.post(f"/v1/chats/{chat}/transfer", json=to)
    assert (await expect(again, 409))["code"] == "same_desk"


async def test_participants_join_and_leave(stack: Stack, admin: Person) -> None:
    ben = await new_operator(stack, admin, "ben")
    chat = await talking(stack, admin, await new_visitor(stack, "acme"))
    url = f"/v1/chats/{chat}"
    taken = await ben.http.post(f"{url}/join", json={})
    assert (await expect(taken, 409))["code"] == "chat_taken"
    joined = await expect(await ben.http.post(f"{url}/join", json={"role": "participant"}), 200)
    assert {"operator": ben.id, "role": "participant"} in joined["participants"]
    left = await expect(await ben.http.post(f"{url}/leave"), 200)
    assert len(left["participants"]) == 1
    stays = await admin.http.post(f"{url}/leave")
    assert (await expect(stays, 409))["code"] == "owner_stays"


async def test_an_internal_message_never_reaches_the_visitor(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    chat = await talking(stack, admin, visitor)
    url = f"/v1/chats/{chat}/messages"
    note = await expect(await admin.http.post(url, json=text("a note", internal=True)), 201)
    await expect(await admin.http.post(url, json=text("hello")), 201)
    at = {"deskstream-version": str(note["version"] + 1)}
    for path in (url, f"/v1/visitors/{visitor.id}/messages", "/v1/events", "/v1/state"):
        seen = await visitor.http.get(path, headers=at)
        assert "hello" in seen.text
        assert "a note" not in seen.text
    assert "a note" in (await admin.http.get(url, headers=at)).text


async def test_read_marks_and_typing(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    chat = await talking(stack, admin, visitor)
    url = f"/v1/chats/{chat}"
    posted = await expect(await visitor.http.post(f"{url}/messages", json=text("hello")), 201)
    read = await expect(await admin.http.post(f"{url}/read", json={"message": posted["id"]}), 200)
    assert read["reads"] == [{"reader": f"operator:{admin.id}", "message": posted["id"]}]
    await expect(await visitor.http.post(f"{url}/typing", json={"typing": True}), 204)
    other = await new_visitor(stack, "acme")
    hidden = await other.http.post(f"{url}/typing", json={})
    assert (await expect(hidden, 404))["code"] == "chat_unknown"
    ben = await new_operator(stack, admin, "ben")
    outside = await ben.http.post(f"{url}/typing", json={})
    assert (await expect(outside, 403))["code"] == "not_in_chat"
