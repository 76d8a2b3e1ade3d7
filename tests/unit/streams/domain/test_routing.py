"""Which desk a chat goes to, why, and who is next."""

import pytest

from schemas.decisions import Candidate
from schemas.values import RoutingPolicy
from streams.domain.routing import CANDIDATES, positions
from tests.support.domain import (
    Given,
    Step,
    Then,
    account,
    activate,
    chat_request,
    close_chat,
    desk,
    expire_offer,
    given,
    group,
    join_chat,
    open_chat,
    operator,
    pause,
    request_chat,
    set_availability,
    transfer,
    visitor,
)


def asked(*steps: Step, **to: str) -> Then:
    return given(*steps, visitor("vic")).when(request_chat("vic", named="asked", **to))


def chosen(then: Then) -> str | None:
    """The name of the desk that the chat went to."""
    (why,) = then.why
    return None if why.desk is None else then.account.desks[why.desk].name


def test_least_loaded_chooses_the_desk_with_the_fewest_chats() -> None:
    then = asked(
        desk("sales", staff=("ana",)), desk("help", staff=("ana",)), open_chat("c1", desk="sales")
    )
    assert chosen(then) == "ana"  # the personal desk comes first where loads are equal
    assert chosen(asked(desk("sales", staff=("ana",)), open_chat("c1", desk="ana's desk"))) == (
        "sales"
    )


def test_among_equally_loaded_desks_the_one_idle_for_longest_is_chosen() -> None:
    team = (account(), operator("ana"), operator("ben"))
    assert chosen(asked(*team)) == "ana"
    assert chosen(asked(*team, open_chat("c1", desk="ana's desk"), close_chat("c1", by="ana"))) == (
        "ben"
    )


def test_round_robin_goes_on_after_the_desk_chosen_last() -> None:
    team = (account(routing="round_robin"), *(operator(name) for name in ("ana", "ben", "cem")))
    requests = [chat_request(f"c{n}") for n in range(3)]
    assert [chosen(asked(*team, *requests[:n])) for n in range(4)] == ["ana", "ben", "cem", "ana"]


def test_round_robin_passes_over_who_takes_no_chats() -> None:
    team = (account(routing="round_robin"), operator("ana"), operator("ben"), operator("cem"))
    assert chosen(asked(*team, chat_request("c1"), pause("ben"))) == "cem"


def test_longest_idle_prefers_desks_that_serve_nobody_and_then_the_longest_idle() -> None:
    team = (account(routing="longest_idle"), operator("ana"), operator("ben"), operator("cem"))
    assert chosen(asked(*team)) == "ana"
    assert chosen(asked(*team, chat_request("c1"))) == "ben"
    assert chosen(asked(*team, pause("ana"), activate("ana"))) == "ben"
    busy = (open_chat("c1", desk="ana's desk"), close_chat("c1", by="ana"))
    assert chosen(asked(*team, *busy)) == "ben"
    assert chosen(asked(*team, *(chat_request(f"c{n}") for n in range(3)))) == "ana"


def test_idle_time_counts_from_coming_online() -> None:
    team = (account(routing="longest_idle"), operator("ana"), operator("ben"))
    left = (set_availability("ana", "away"), set_availability("ana", "online"))
    assert chosen(asked(*team, *left)) == "ben"


def test_by_hand_nothing_is_chosen() -> None:
    then = asked(account(routing="manual"), operator("ana"))
    assert chosen(then) is None
    assert (then.why[0].rule, then.why[0].considered) == ("manual", 0)


@pytest.mark.parametrize("rule", ["least_loaded", "round_robin", "longest_idle"])
def test_a_decision_says_why(rule: RoutingPolicy) -> None:
    then = asked(account(routing=rule, desk_limit=2), operator("ana"), operator("ben", limit=3))
    (why,) = then.why
    ana, ben = (then.world.id(f"{name}'s desk") for name in ("ana", "ben"))
    assert why.chat == then.world.id("asked")
    assert why.rule == rule
    assert why.considered == 2
    assert why.candidates == (
        Candidate(desk=ana, load=0, limit=2),
        Candidate(desk=ben, load=0, limit=3),
    )
    assert why.desk == ana


def test_a_decision_lists_a_bounded_number_of_candidates() -> None:
    names = [f"o{n}" for n in range(CANDIDATES + 1)]
    (why,) = asked(*map(operator, names)).why
    assert why.considered == CANDIDATES + 1
    assert len(why.candidates) == CANDIDATES


def test_full_paused_and_foreign_desks_are_no_candidates() -> None:
    team = (
        operator("full", limit=0),
        operator("gone", availability="offline"),
        operator("busy", availability="unavailable"),
        operator("ana", groups=("g",)),
        operator("ben"),
    )
    then = asked(*team, pause("ben"))
    assert [one.desk for one in then.why[0].candidates] == [then.world.id("ana's desk")]
    then = asked(*team, to_group="g")
    assert [one.desk for one in then.why[0].candidates] == [then.world.id("ana's desk")]


def test_several_served_at_once_spread_over_the_desks() -> None:
    waiting = [chat_request(f"c{n}") for n in range(4)]
    sales = desk("sales", staff=("ana",))
    team = given(operator("ana", availability="away"), sales, *waiting)
    then = team.when(set_availability("ana", "online"))
    assert [then.account.desks[why.desk or ""].name for why in then.why] == [
        "ana",
        "sales",
        "ana",
        "sales",
    ]


def test_a_decision_serves_a_bounded_number_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.support.domain.check_state", lambda partition: None)
    team = given(operator("ana", availability="away"), *(chat_request(f"c{n}") for n in range(3)))
    team.world.serving = 1
    then = team.when(set_availability("ana", "online"))
    assert [why.chat for why in then.why] == [then.world.id("c0")]
    chat_request("c3")(then.world)
    assert [why.chat for why in then.world.decisions[-1].why] == [
        then.world.id("c3"),
        then.world.id("c1"),
    ]


# --- the queue ---------------------------------------------------------------------------------


def places(then: Then | Given, *chats: str) -> list[int | None]:
    return [positions(then.world.account, then.world.id(chat)) for chat in chats]


def test_positions_count_within_each_queue_by_time_of_request() -> None:
    world = given(
        group("g"),
        chat_request("a1"),
        chat_request("g1", to_group="g"),
        chat_request("a2"),
        chat_request("g2", to_group="g"),
    )
    assert places(world, "a1", "a2", "g1", "g2", "never") == [1, 2, 1, 2, None]


def test_a_chat_that_comes_back_to_the_queue_keeps_its_place() -> None:
    world = given(
        operator("ana"),
        chat_request("c1"),
        set_availability("ana", "away"),
        chat_request("c2"),
        expire_offer("c1"),
    )
    assert places(world, "c1", "c2") == [1, 2]


def test_an_open_chat_has_no_position() -> None:
    assert places(given(open_chat("c1", desk="sales")), "c1") == [None]


def test_the_oldest_request_that_fits_is_served_across_queues() -> None:
    then = given(
        account(desk_limit=1),
        group("h"),
        operator("ana", groups=("g",)),
        open_chat("c0", desk="ana's desk"),
        chat_request("h1", to_group="h"),
        chat_request("g1", to_group="g"),
        chat_request("a1"),
    ).when(close_chat("c0", by="ana"))
    assert [why.chat for why in then.why] == [then.world.id("g1")]


def test_a_chat_that_passed_a_desk_lets_others_have_its_seat() -> None:
    team = given(
        account(desk_limit=1),
        operator("ana", groups=("g",)),
        open_chat("c0", desk="ana's desk"),
        transfer("c0", to_group="g", by="ana"),
        chat_request("c1", to_group="g"),
        join_chat("c1", by="ana"),
        chat_request("c2", to_group="g"),
    )
    then = team.when(close_chat("c1", by="ana"))
    assert [why.chat for why in then.why] == [then.world.id("c2")]
