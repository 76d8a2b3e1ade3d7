"""Two accounts with one of everybody and everything, for the authorisation matrix."""

from dataclasses import dataclass
from typing import Any

from api.auth.token_directory import digest_of
from tests.integration.api.authorisation_matrix import Whose
from tests.integration.api.people import (
    Person,
    ask_for_chat,
    expect,
    log_in,
    new_account,
    new_operator,
    new_visitor,
    text,
)
from tests.integration.api.stack import PASSWORD, PLATFORM, Stack

ROLES = {"g": "agent", "s": "supervisor", "a": "admin", "u": "auditor"}


@dataclass
class World:
    """An account with people by the matrix' letters, and another account."""

    stack: Stack
    account: str
    people: dict[str, Person]
    root: Person
    """An admin who never acts in a test, only before it."""
    foreign_root: Person
    number: int = 0

    async def thing(self, kind: str, letter: str, whose: Whose) -> str:
        """The id of such a thing, new where it can be."""
        if letter == "p" and whose == "own":
            whose = "other"  # the platform has nothing of its own
        admin = self.foreign_root if whose == "foreign" else self.root
        account = f"{self.account}-foreign" if whose == "foreign" else self.account
        person = self.people[letter]
        match kind, whose:
            case "account", _:
                return account
            case (("operator" | "visitor"), "own"):
                return person.id
            case "operator", _:
                return (await self._operator(admin)).id
            case "visitor", _:
                return (await new_visitor(self.stack, account)).id
            case "token", "own":
                return digest_of(person.token)
            case "token", _:
                return digest_of((await self._operator(admin)).token)
            case "chat", "own":
                return await self._own_chat(person, letter)
            case "chat", _:
                return await self._chat(admin, await new_visitor(self.stack, account))
            case (("desk" | "group"), _):
                made = await admin.http.post(f"/v1/{kind}s", json={"name": kind})
                return str((await expect(made, 201))["id"])
        raise AssertionError(kind, whose)

    async def body(self, operation: str, chat: str, whose: Whose) -> dict[str, Any] | None:
        """A body that is in order for this operation."""
        self.number += 1
        if operation == "mark_read":
            owner = self.foreign_root if whose == "foreign" else self.root
            page = await expect(await owner.http.get(f"/v1/chats/{chat}/messages"), 200)
            return {"message": page["items"][-1]["id"]}
        if operation == "put_password_for_platform":
            owner = self.foreign_root if whose == "foreign" else self.root
            await new_operator(self.stack, owner, f"forgetful{self.number}")
            return {"login": f"forgetful{self.number}", "password": PASSWORD}
        if operation == "transfer_chat":
            desk = (await expect(await self.root.http.get("/v1/me"), 200))["operator"]["desk"]
            return {"to": {"kind": "desk", "id": desk}}
        admin = {"name": "Bea", "login": "bea", "password": PASSWORD}
        bodies: dict[str, dict[str, Any]] = {
            "post_account": {"id": f"new-{self.number}", "name": "New", "admin": admin},
            "patch_account": {"desk_limit": 1_000},
            "post_operator": {"name": "New", "login": f"new{self.number}"},
            "patch_operator": {"name": "Renamed"},
            "put_availability": {"availability": "away"},
            "put_password": {"password": "another sesame", "current": PASSWORD},
            "post_desk": {"name": "New"},
            "patch_desk": {"name": "Renamed"},
            "post_group": {"name": "New"},
            "patch_group": {"name": "Renamed"},
            "patch_visitor": {"name": "Renamed"},
            "post_chat": {},
            "join_chat": {"role": "participant"},
            "post_message": text("hello"),
            "post_typing": {},
        }
        return bodies.get(operation)

    async def _operator(self, admin: Person) -> Person:
        self.number += 1
        return await new_operator(self.stack, admin, f"other{self.number}")

    async def _own_chat(self, person: Person, letter: str) -> str:
        if letter == "v":
            chats = (await expect(await person.http.get("/v1/chats?status=active"), 200))["items"]
            return str(chats[0]["id"]) if chats else await self._chat(self.root, person)
        visitor = await new_visitor(self.stack, self.account)
        return await self._chat(self.root if letter == "u" else person, visitor)

    async def _chat(self, owner: Person, visitor: Person) -> str:
        """A chat with a message: queued, as routing is manual, and then taken by hand."""
        chat = await ask_for_chat(visitor)
        url = f"/v1/chats/{chat}"
        await expect(await owner.http.post(f"{url}/join", json={}), 200)
        said = await expect(await visitor.http.post(f"{url}/messages", json=text("hello")), 201)
        seen = await owner.http.get("/v1/me", params={"version": said["version"]})
        await expect(seen, 200)
        return chat


async def new_world(stack: Stack, account: str) -> World:
    """A world of its own."""
    root = await new_account(stack, account, "root")
    foreign = await new_account(stack, f"{account}-foreign", "root")
    for admin in (root, foreign):
        settings = {"routing": "manual", "desk_limit": 1_000}
        await expect(await admin.http.patch("/v1/account", json=settings), 200)
    people = {"v": await new_visitor(stack, account)}
    for letter, role in ROLES.items():
        people[letter] = await new_operator(stack, root, role, role)
    people["p"] = Person("", PLATFORM, stack.client(PLATFORM))
    await log_in(stack, account, "root")
    return World(stack, account, people, root, foreign)
