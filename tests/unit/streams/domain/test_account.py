"""The account and its settings."""

from typing import Any

import pytest

from schemas import actions as a
from schemas import events as e
from schemas.values import AccountSettings, Actor
from tests.support.domain import (
    START,
    World,
    account,
    act,
    change_settings,
    chat_queued,
    conversation_opened,
    desk,
    event,
    given,
    operator,
    request_chat,
    visitor,
)


def test_the_system_creates_an_account() -> None:
    settings = AccountSettings(desk_limit=2)
    decision = World().do("system", a.CreateAccount(name="Acme", settings=settings))
    assert [event.data for event in decision.events] == [
        e.AccountCreated(name="Acme", settings=settings)
    ]
    assert decision.events[0].version == 1


@pytest.mark.parametrize("kind", ["operator", "visitor", "bot"])
def test_nobody_else_creates_an_account(kind: Any) -> None:
    world = World()
    actor = Actor(kind=kind, id="somebody")
    decision = world.do("system", a.CreateAccount(name="Acme"), actor=actor)
    assert decision.refused is not None
    assert decision.refused.code == "not_allowed"
    assert world.partition.accounts == {}


def test_an_account_is_created_once() -> None:
    given().when(act("system", a.CreateAccount(name="Again"))).then_refused("account_exists")


def test_an_unknown_account_does_nothing() -> None:
    given().when(act("system", a.AddVisitor()).sent(account="nowhere")).then_refused(
        "account_unknown"
    )


def test_settings_that_are_given_change_and_the_others_stay() -> None:
    given(account(desk_limit=3)).when(change_settings(queue_limit=7)).then(
        event(
            e.SettingsChanged,
            settings=AccountSettings(desk_limit=3, queue_limit=7),
        )
    )


def test_settings_that_are_so_already_change_nothing() -> None:
    given().when(change_settings(desk_limit=5)).then_nothing()


def test_only_admins_change_settings() -> None:
    given(operator("sue", "supervisor")).when(change_settings(by="sue", desk_limit=2)).then_refused(
        "not_allowed"
    )
    given(operator("adam", "admin")).when(change_settings(by="adam", desk_limit=2)).then(
        event(e.SettingsChanged)
    )


def test_a_higher_limit_serves_the_queue_at_once() -> None:
    given(
        account(desk_limit=0),
        desk("sales", staff=("ana",)),
        visitor("vic"),
        request_chat("vic", named="c1", to_desk="sales"),
    ).when(change_settings(desk_limit=1)).then(
        event(e.SettingsChanged), conversation_opened("c1", desk="sales")
    )


def test_an_end_of_manual_routing_serves_the_queue_oldest_first() -> None:
    given(
        account(routing="manual", desk_limit=1),
        operator("ana"),
        operator("ben"),
        *(visitor(name) for name in ("v1", "v2", "v3")),
        *(request_chat(f"v{n}", named=f"c{n}") for n in (1, 2, 3)),
    ).when(change_settings(routing="least_loaded")).then(
        event(e.SettingsChanged), conversation_opened("c1"), conversation_opened("c2")
    )


def test_time_never_runs_backwards_in_an_account() -> None:
    then = given(visitor("vic"), visitor("eve")).when(
        request_chat("vic", named="c1").sent(at=START - 86_400_000)
    )
    then.then(event(e.ChatRequested), chat_queued("c1"))
    assert then.decision.at == START + 3_000
    ids = [event.id for decision in then.world.decisions for event in decision.events]
    assert ids == sorted(ids)


def test_the_operator_who_acts_must_exist() -> None:
    nobody = Actor(kind="operator", id="gone")
    given().when(change_settings(desk_limit=1).sent(actor=nobody)).then_refused("not_allowed")
