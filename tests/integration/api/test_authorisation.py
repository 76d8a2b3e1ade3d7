"""The authorisation matrix, generated from the OpenAPI: role by route by whose thing it is."""

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.integration.api.authorisation_matrix import LIVE, MATRIX, PUBLIC, Whose
from tests.integration.api.stack import Stack, running_stack
from tests.integration.api.world import World, new_world

LETTERS = "vgsaup"
SHAPE_ERRORS = (400, 413, 415, 422)
"""A cell that ends so tests nothing."""


class Operation(NamedTuple):
    """A route as the OpenAPI has it."""

    id: str
    method: str
    path: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


def operations(stack: Stack) -> dict[str, Operation]:
    return {
        described["operationId"]: Operation(described["operationId"], method, path)
        for path, item in stack.app.openapi()["paths"].items()
        for method, described in item.items()
    }


async def test_every_route_is_in_the_matrix(stack: Stack) -> None:
    found = operations(stack)
    assert set(found) == set(MATRIX) | PUBLIC | LIVE
    for item in stack.app.openapi()["paths"].values():
        for described in item.values():
            assert (described["security"] == []) == (described["operationId"] in PUBLIC)
    for id, rows in MATRIX.items():
        assert (set(rows) == {""}) == (not found[id].parameters), id


async def test_nobody_comes_in_without_a_token(stack: Stack) -> None:
    for id, operation in operations(stack).items():
        if id in PUBLIC:
            continue
        path = re.sub(r"{\w+}", "0123456789", operation.path)
        for client in (stack.client(), stack.client("no-such-token", "10.9.8.7")):
            answer = await client.request(operation.method, path)
            assert answer.status_code in (401, 429), (id, answer.text)
            if answer.status_code == 401:
                assert answer.json()["code"] == "unauthenticated"


async def test_every_read_waits_for_the_version_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.call.VERSION_TIMEOUT", 0.01)
    async with running_stack(tmp_path) as stack:
        world = await new_world(stack, "w0")
        for path, item in stack.app.openapi()["paths"].items():
            for method, described in item.items():
                if "MinimumVersion" in str(described.get("parameters")):
                    url = re.sub(r"{\w+}", "0123456789", path)
                    answer = await world.people["a"].http.request(
                        method, url, headers={"deskstream-version": "100000"}
                    )
                    assert answer.json()["code"] == "version_not_reached", path


@pytest.mark.parametrize("id", sorted(MATRIX))
async def test_each_role_may_what_the_matrix_says(id: str, tmp_path: Path) -> None:
    async with running_stack(tmp_path, burst_per_address=10_000) as stack:
        operation = operations(stack)[id]
        rows = MATRIX[id]
        all_whose: list[Whose] = [""] if "" in rows else ["own", "other", "foreign"]
        world = await new_world(stack, "w0")
        cells = [(whose, letter) for whose in all_whose for letter in LETTERS]
        for number, (whose, letter) in enumerate(cells, 1):
            if whose != "foreign" and whose not in rows:
                continue
            answer = await ask(world, operation, letter, whose)
            expected = letter in rows.get(whose, "")
            foreign = whose == "foreign" and not expected
            judge(answer, expected, hidden=foreign and letter in rows.get("other", ""))
            if answer.is_success and operation.method != "get":
                world = await new_world(stack, f"w{number}")


async def ask(world: World, operation: Operation, letter: str, whose: Whose) -> httpx.Response:
    """One cell's request."""
    given: dict[str, str] = {}
    for name in operation.parameters:
        mine: Whose = "other" if name == "operator" and "desk" in given else whose
        given[name] = await world.thing(name, letter, mine)
    body = await world.body(operation.id, given.get("chat", ""), whose)
    client = world.people[letter].http
    return await client.request(operation.method, operation.path.format(**given), json=body)


def judge(answer: httpx.Response, expected: bool, *, hidden: bool) -> None:
    """Whether somebody was let in; what the rules then say to it does not matter here.

    `hidden`: a thing of another account must look as if there were none.
    """
    where = (answer.request.method, answer.request.url.path, answer.status_code, answer.text)
    assert answer.status_code not in SHAPE_ERRORS, where
    assert answer.status_code < 500, where
    code = "" if answer.is_success else answer.json()["code"]
    if hidden:
        assert answer.status_code == 404, where
    elif expected:
        assert code not in ("unauthenticated", "not_allowed"), where
        assert not code.endswith("_unknown"), where
    else:
        assert code == "not_allowed" or code.endswith("_unknown"), where
