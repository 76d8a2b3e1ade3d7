"""schemathesis over the OpenAPI, as each kind of viewer: no 5xx, no answer outside its schema."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.api.authorisation_matrix import MATRIX, PUBLIC
from tests.integration.api.people import ask_for_chat, new_visitor, talking
from tests.integration.api.served import served
from tests.integration.api.stack import Stack
from tests.integration.api.world import new_world

KINDS = {
    "nobody": "",
    "visitor": "v",
    "agent": "g",
    "admin": "a",
    "auditor": "u",
    "platform": "p",
}

ENDS_THE_TOKEN = "logout"
OPERATIONS = sorted((set(MATRIX) | PUBLIC) - {ENDS_THE_TOKEN})
"""The live ones end never; their own tests look at them."""


class Target(NamedTuple):
    """A server and the tokens of those who ask it."""

    address: str
    tokens: dict[str, str]


async def _prepare(stack: Stack) -> tuple[dict[str, str], dict[str, Any]]:
    world = await new_world(stack, "acme")
    await talking(stack, world.people["g"], world.people["v"])
    await ask_for_chat(await new_visitor(stack, "acme"))
    tokens = {kind: world.people[letter].token for kind, letter in KINDS.items() if letter}
    document = copy.deepcopy(stack.app.openapi())
    for item in document["paths"].values():
        for described in item.values():
            del described["security"]  # the tokens are ours to send
    return tokens, document


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, dict[str, Any]]]:
    generous = {
        "rate_per_viewer": 1e6,
        "burst_per_viewer": 10**6,
        "rate_per_address": 1e6,
        "burst_per_address": 10**6,
    }
    directory = tmp_path_factory.mktemp("schemathesis")
    with (
        pytest.MonkeyPatch.context() as patch,
        served(directory, _prepare, **generous) as (address, (tokens, document)),
    ):
        patch.setattr("api.call.VERSION_TIMEOUT", 0.02)
        yield Target(address, tokens), document


def takes_anything(document: dict[str, Any], id: str) -> bool:
    """Whether an operation has parameters or a body."""
    (described,) = (
        described
        for item in document["paths"].values()
        for described in item.values()
        if described["operationId"] == id
    )
    return bool(described.get("parameters")) or "requestBody" in described


def refused_for_a_reason(response: schemathesis.Response) -> None:
    """What fits the schema is refused for nothing but what a schema cannot say.

    JSON schema takes 1.0 for an integer, and has another idea of white space in a pattern.
    """
    if response.status_code not in (400, 405, 406, 412, 413, 415, 422):
        return
    problem = response.json()
    reasons = {"nul_in_text", "cursor_invalid", "version_not_reached"}
    if problem["code"] not in reasons:
        detail = problem["errors"][0]["detail"]
        assert "got `float`" in detail or r"\s" in detail, problem


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("id", OPERATIONS)
def test_answers_keep_to_the_document(
    id: str, mode: GenerationMode, target: tuple[Target, dict[str, Any]]
) -> None:
    where, document = target
    if mode is GenerationMode.NEGATIVE and not takes_anything(document, id):
        pytest.skip("nothing can be wrong with it")
    operation = schemathesis.openapi.from_dict(document).find_operation_by_id(id)

    @given(case=operation.as_strategy(generation_mode=mode), kind=st.sampled_from(sorted(KINDS)))
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case[Any], kind: str) -> None:
        token = where.tokens.get(kind)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        case.headers.pop("Idempotency-Key", None)  # might name another operation's write
        response = case.call_and_validate(
            base_url=where.address,
            headers=headers,
            excluded_checks=[positive_data_acceptance],
        )
        if mode is GenerationMode.POSITIVE:
            refused_for_a_reason(response)

    check()
