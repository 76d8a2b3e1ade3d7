"""What holds for every route: limits, versions, keys, pages, and errors of the framework."""

from pathlib import Path

import httpx
import pytest

from schemas import codec
from schemas.decisions import Decision
from streams.log.errors import LogUnavailable
from streams.log.partitioner import partition_of
from tests.integration.api.people import (
    Person,
    ask_for_chat,
    expect,
    new_account,
    new_visitor,
    talking,
    text,
)
from tests.integration.api.stack import Stack, running_stack

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def is_problem(response: httpx.Response, status: int, code: str) -> bool:
    """Whether it is this problem, with the headers of every answer."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    document = response.json()
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    return bool(document["code"] == code)


async def test_a_repeated_key_gives_the_first_answer_again(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    chat = await talking(stack, admin, visitor)
    url, key = f"/v1/chats/{chat}/messages", {"idempotency-key": "once"}
    first = await visitor.http.post(url, json=text("hello"), headers=key)
    again = await visitor.http.post(url, json=text("hello"), headers=key)
    other = await visitor.http.post(url, json=text("something else"), headers=key)
    assert first.json() == again.json() == other.json()
    theirs = await admin.http.post(url, json=text("mine"), headers=key)
    assert theirs.json()["id"] != first.json()["id"]
    page = await admin.http.get(url, params={"version": theirs.json()["version"]})
    assert [item["content"]["text"] for item in page.json()["items"]] == ["hello", "mine"]


async def test_a_repeated_key_repeats_refusals_and_resources(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    key = {"idempotency-key": "one chat"}
    first = await visitor.http.post("/v1/chats", json={}, headers=key)
    assert (await visitor.http.post("/v1/chats", json={}, headers=key)).json() == first.json()
    refused = {"idempotency-key": "another chat"}
    for _ in range(2):
        answer = await visitor.http.post("/v1/chats", json={}, headers=refused)
        assert is_problem(answer, 409, "chat_open")


async def test_a_trace_is_carried_on_by_the_action_and_its_decision(
    stack: Stack, admin: Person
) -> None:
    for given, kept in ((TRACE, TRACE), ("no trace", None), ("none", None)):
        headers = {"traceparent": given}
        answer = await admin.http.post("/v1/groups", json={"name": given}, headers=headers)
        assert answer.status_code == 201, answer.text
        partition = partition_of("acme", stack.log.partitions)
        *_, action = await stack.log.read("actions", partition, 0)
        *_, decided = await stack.log.read("events", partition, 0)
        assert codec.decode_action(action.value).trace == kept
        decision = codec.decode_event_record(decided.value)
        assert isinstance(decision, Decision)
        assert decision.trace == kept


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed", "ümlaut"])
async def test_a_key_has_limits(stack: Stack, admin: Person, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    answer = await admin.http.post("/v1/groups", json={"name": "x"}, headers=headers)
    assert is_problem(answer, 400, "key_invalid")


async def test_reads_wait_for_a_version_that_comes_and_refuse_one_that_does_not(
    stack: Stack, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.call.VERSION_TIMEOUT", 0.05)
    group = await admin.http.post("/v1/groups", json={"name": "Orders"})
    version = int(group.headers["deskstream-version"])
    seen = await admin.http.get("/v1/groups", headers={"deskstream-version": str(version)})
    assert int(seen.headers["deskstream-version"]) >= version
    late = await admin.http.get("/v1/groups", params={"version": version + 1})
    assert is_problem(late, 412, "version_not_reached")
    for wrong in ("-1", "x", "1.5", "9" * 5_000):
        answer = await admin.http.get("/v1/groups", headers={"deskstream-version": wrong})
        assert is_problem(answer, 422, "invalid")


async def test_lists_are_read_page_by_page(stack: Stack, admin: Person) -> None:
    for number in range(5):
        await expect(await admin.http.post("/v1/groups", json={"name": f"g{number}"}), 201)
    names: list[str] = []
    url: str | None = "/v1/groups?limit=2"
    while url is not None:
        answer = await admin.http.get(url)
        page = await expect(answer, 200)
        names += [item["name"] for item in page["items"]]
        url = answer.links["next"]["url"] if "next" in answer.links else None
        assert (page["next"] is not None) == (url is not None)
    assert names == [f"g{number}" for number in range(5)]


async def test_newest_messages_come_first_on_demand(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    chat = await talking(stack, admin, visitor)
    url = f"/v1/chats/{chat}/messages"
    for number in range(3):
        last = await expect(await visitor.http.post(url, json=text(f"m{number}")), 201)
    params = {"order": "newest", "limit": 2, "version": last["version"]}
    first = await expect(await admin.http.get(url, params=params), 200)
    assert [item["content"]["text"] for item in first["items"]] == ["m2", "m1"]
    rest = {"order": "newest", "cursor": first["next"]}
    second = await expect(await admin.http.get(url, params=rest), 200)
    assert [item["content"]["text"] for item in second["items"]] == ["m0"]
    mixed = await admin.http.get(url, params={"order": "oldest", "cursor": first["next"]})
    assert is_problem(mixed, 400, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
async def test_a_page_has_limits(stack: Stack, admin: Person, limit: str) -> None:
    answer = await admin.http.get("/v1/groups", params={"limit": limit})
    assert is_problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["parameter"] == "limit"


async def test_events_lead_from_the_state_to_now(stack: Stack, admin: Person) -> None:
    state = await expect(await admin.http.get("/v1/state"), 200)
    visitor = await new_visitor(stack, "acme")
    chat = await ask_for_chat(visitor)
    seen: list[str] = []
    after = state["id"]
    while after is not None:
        page = await expect(
            await admin.http.get("/v1/events", params={"after": after, "limit": 1}), 200
        )
        seen += [event["data"]["type"] for event in page["items"]]
        after = page.get("next")
    assert seen == ["visitor_added", "chat_requested", "chat_queued"]
    theirs = await expect(await visitor.http.get("/v1/events"), 200)
    assert [event["data"]["type"] for event in theirs["items"]] == seen
    assert theirs["items"][1]["chat"] == chat
    wrong = await admin.http.get("/v1/events", params={"after": "nonsense"})
    assert is_problem(wrong, 422, "invalid")


async def test_no_hash_is_ever_shown(stack: Stack, admin: Person) -> None:
    for path in ("/v1/events", "/v1/state", "/v1/operators", "/v1/me"):
        answer = await admin.http.get(path)
        assert "argon2" not in answer.text
        assert "token" not in answer.text


async def test_a_state_that_is_known_is_not_sent_again(stack: Stack, admin: Person) -> None:
    state = await admin.http.get("/v1/state")
    known = {"if-none-match": state.headers["etag"]}
    same = await admin.http.get("/v1/state", headers=known)
    assert (same.status_code, same.content) == (304, b"")
    await expect(await admin.http.post("/v1/groups", json={"name": "Orders"}), 201)
    assert (await admin.http.get("/v1/state", headers=known)).status_code == 200


async def test_a_visitor_and_staff_hold_different_states(stack: Stack, admin: Person) -> None:
    visitor = await new_visitor(stack, "acme")
    assert "operators" in (await admin.http.get("/v1/state")).json()
    state = (await visitor.http.get("/v1/state")).json()
    assert state["visitor"]["id"] == visitor.id
    assert "operators" not in state


async def test_without_a_token_there_is_nothing(stack: Stack) -> None:
    for path in ("/v1/me", "/v1/state", "/v1/live/sse", "/v1/no/such/thing"):
        assert is_problem(await stack.client().get(path), 401, "unauthenticated")
    for header in ("Basic abc", "Bearer", "Bearer ", "Bearer x y", "bearer \xff"):
        answer = await stack.client().get(
            "/v1/me", headers=[(b"authorization", header.encode("latin-1"))]
        )
        assert is_problem(answer, 401, "unauthenticated")


async def test_errors_of_the_framework_are_problems_too(stack: Stack, admin: Person) -> None:
    assert is_problem(await admin.http.get("/v1/no/such/thing"), 404, "not_found")
    wrong = await admin.http.put("/v1/chats")
    assert is_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"]
    assert is_problem(await stack.client().get("/nothing"), 404, "not_found")
    assert is_problem(await admin.http.get("/v1/chats/%00"), 422, "invalid")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b'{"name":"x"}', 415, "unsupported_media_type"),
        ("", b'{"name":"x"}', 415, "unsupported_media_type"),
        ("application/json; charset=latin-1", b'{"name":"x"}', 415, "unsupported_media_type"),
        ("application/json", b"", 400, "malformed_json"),
        ("application/json", b'{"name":', 400, "malformed_json"),
        ("application/json", b'{"name":"\xff\xfe"}', 400, "malformed_json"),
        ("application/json", b'{"name":"a\\u0000"}', 400, "nul_in_text"),
        ("application/json", b'{"name":"x","colour":"red"}', 422, "invalid"),
        ("application/json", b'{"name":7}', 422, "invalid"),
        ("application/json", b"[" * 60_000, 422, "invalid"),
        ("application/json", b'{"name":"' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_bodies_that_are_none(
    admin: Person, content_type: str, body: bytes, status: int, code: str
) -> None:
    headers = {"content-type": content_type}
    answer = await admin.http.post("/v1/groups", content=body, headers=headers)
    assert is_problem(answer, status, code)


async def test_json_may_name_its_charset(stack: Stack, admin: Person) -> None:
    headers = {"content-type": "Application/JSON; charset=UTF-8"}
    await expect(await admin.http.post("/v1/groups", content=b'{"name":"x"}', headers=headers), 201)


async def test_a_body_without_a_length_is_counted(stack: Stack, admin: Person) -> None:
    async def much() -> object:
        for _ in range(100):
            yield b"x" * 1_000

    headers = {"content-type": "application/json"}
    answer = await admin.http.post("/v1/groups", content=much(), headers=headers)  # type: ignore[arg-type]
    assert is_problem(answer, 413, "body_too_large")


async def test_an_address_has_an_end(stack: Stack, admin: Person) -> None:
    answer = await admin.http.get("/v1/chats", params={"cursor": "x" * 9_000})
    assert is_problem(answer, 414, "address_too_long")


async def test_headers_have_an_end(stack: Stack, admin: Person) -> None:
    answer = await admin.http.get("/v1/me", headers={"x-much": "x" * 17_000})
    assert is_problem(answer, 431, "headers_too_large")


async def test_a_viewer_who_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    async with running_stack(tmp_path, rate_per_viewer=0.001, burst_per_viewer=3) as stack:
        admin = await new_account(stack, "acme")
        answers = [await admin.http.get("/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert is_problem(answers[-1], 429, "too_many_requests")
        assert int(answers[-1].headers["retry-after"]) > 1
        assert answers[-1].headers["ratelimit-limit"] == "3"


async def test_an_address_that_guesses_tokens_or_makes_visitors_has_to_wait(
    tmp_path: Path,
) -> None:
    async with running_stack(tmp_path, rate_per_address=0.001, burst_per_address=5) as stack:
        admin = await new_account(stack, "acme")
        guesses = [
            await stack.client(f"guess-{number}", "10.0.0.1").get("/v1/me") for number in range(7)
        ]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
        public = stack.client(address="10.0.0.2")
        made = [await public.post("/v1/visitors", json={"account": "acme"}) for _ in range(6)]
        assert [answer.status_code for answer in made] == [201] * 5 + [429]
        await expect(await admin.http.get("/v1/me"), 200)


async def test_a_failing_log_is_a_503(stack: Stack, admin: Person) -> None:
    stack.log.failing = LogUnavailable("disk full")
    answer = await admin.http.post("/v1/groups", json={"name": "x"})
    stack.log.failing = None
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]


async def test_what_nobody_expected_is_a_500_that_tells_nothing(
    stack: Stack, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    chat = await talking(stack, admin, await new_visitor(stack, "acme"))
    monkeypatch.setattr(type(stack.services.gateway), "act", broken)
    answers = [
        await admin.http.post("/v1/groups", json={"name": "x"}),
        await admin.http.post(f"/v1/chats/{chat}/messages", json=text("x")),
    ]
    for answer in answers:
        assert is_problem(answer, 500, "internal")
        assert "secret" not in answer.text


async def test_another_origin_is_let_in_only_where_it_is_set(tmp_path: Path) -> None:
    origin = {"origin": "https://shop.example"}
    preflight = {**origin, "access-control-request-method": "POST",
                 "access-control-request-headers": "authorization,idempotency-key"}  # fmt: skip
    async with running_stack(tmp_path, cors_origins=("https://shop.example",)) as stack:
        allowed = await stack.client().options("/v1/chats", headers=preflight)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        answer = await stack.client().get("/v1/me", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    async with running_stack(tmp_path) as stack:
        assert (
            "access-control-allow-origin"
            not in (await stack.client().get("/v1/me", headers=origin)).headers
        )
