"""Transfers, and offers that nobody took."""

from schemas import events as e
from schemas.values import Target
from streams.domain.routing import positions
from tests.support.domain import (
    account,
    change_settings,
    chat_joined,
    chat_left,
    chat_queued,
    chat_request,
    chat_transferred,
    close_chat,
    conversation_closed,
    conversation_opened,
    desk,
    event,
    expire_offer,
    given,
    group,
    join_chat,
    leave_chat,
    offered_chat,
    open_chat,
    operator,
    pause,
    post_message,
    set_availability,
    staff_desk,
    transfer,
)

SALES = desk("sales", staff=("ben",))


# --- to a desk, an operator, a group ---------------------------------------------------------


def test_a_full_desk_refuses_a_transfer() -> None:
    given(desk("sales", limit=1), open_chat("c1", desk="sales"), open_chat("c2", desk="help")).when(
        transfer("c2", to_desk="sales", by="ana")
    ).then_refused("desk_full")


def test_a_transfer_closes_one_conversation_and_opens_the_next() -> None:
    then = given(SALES, open_chat("c2", desk="help")).when(
        transfer("c2", to_desk="sales", by="ana")
    )
    then.then(
        conversation_closed("c2", desk="help", reason="transferred"),
        chat_left("c2", operator="ana"),
        chat_transferred("c2", desk="help", to=Target(kind="desk", id=then.world.id("sales"))),
        conversation_opened("c2", desk="sales", offered_until=then.decision.at + 60_000),
    )
    closed, left, transferred, opened = then.decision.events
    assert closed.conversation == left.conversation == transferred.conversation
    assert opened.conversation == opened.id
    loads = {desk.name: desk.load for desk in then.account.desks.values() if not desk.operator}
    assert loads == {"sales": 1, "help": 0}


def test_everybody_leaves_a_transferred_chat() -> None:
    given(
        SALES,
        open_chat("c1", desk="help"),
        operator("zoe"),
        join_chat("c1", by="zoe", role="participant"),
    ).when(transfer("c1", to_desk="sales", by="ana")).then(
        conversation_closed(),
        chat_left(operator="ana"),
        chat_left(operator="zoe"),
        chat_transferred(),
        conversation_opened(),
    )


def test_a_transfer_to_an_operator_goes_to_the_personal_desk() -> None:
    given(open_chat("c1", desk="help"), operator("ben")).when(
        transfer("c1", to_operator="ben", by="ana")
    ).then(
        conversation_closed(),
        chat_left(),
        chat_transferred(),
        conversation_opened(desk="ben's desk"),
    )


def test_a_transfer_needs_a_target_that_exists_and_is_another_desk() -> None:
    active = open_chat("c1", desk="help")
    given(active).when(transfer("c1", to_desk="no", by="ana")).then_refused("desk_unknown")
    given(active).when(transfer("c1", to_operator="no", by="ana")).then_refused("operator_unknown")
    given(active).when(transfer("c1", to_group="no", by="ana")).then_refused("group_unknown")
    given(active).when(transfer("c1", to_desk="help", by="ana")).then_refused("same_desk")
    given(active).when(transfer("no", to_desk="help", by="ana")).then_refused("chat_unknown")


def test_a_transfer_needs_somebody_who_takes_it() -> None:
    active = (open_chat("c1", desk="help"), desk("empty"), SALES)
    given(*active).when(transfer("c1", to_desk="empty", by="ana")).then_refused(
        "operator_unavailable"
    )
    away = set_availability("ben", "away")
    given(*active, away).when(transfer("c1", to_operator="ben", by="ana")).then_refused(
        "operator_unavailable"
    )
    given(*active, pause("ben")).when(transfer("c1", to_operator="ben", by="ana")).then_refused(
        "operator_unavailable"
    )
    given(*active, away).when(transfer("c1", to_desk="sales", by="ana")).then(
        conversation_closed(), chat_left(), chat_transferred(), conversation_opened(desk="sales")
    )


def test_the_owner_or_a_supervisor_transfers() -> None:
    active = (
        SALES,
        open_chat("c1", desk="help"),
        operator("sue", "supervisor"),
        operator("zoe"),
        join_chat("c1", by="zoe", role="participant"),
    )
    given(*active).when(transfer("c1", to_desk="sales", by="zoe")).then_refused("not_allowed")
    given(*active).when(transfer("c1", to_desk="sales", by="ben")).then_refused("not_allowed")
    given(*active).when(transfer("c1", to_desk="sales", by="c1's visitor")).then_refused(
        "not_allowed"
    )
    given(*active, leave_chat("c1", by="zoe")).when(transfer("c1", to_desk="sales", by="sue")).then(
        conversation_closed(), chat_left(operator="ana"), chat_transferred(), conversation_opened()
    )


def test_who_sits_at_the_desk_passes_an_offer_on() -> None:
    offered = (SALES, operator("zoe"), offered_chat("c1", desk="help"))
    given(*offered).when(transfer("c1", to_desk="sales", by="ana")).then(
        conversation_closed(), chat_transferred(), conversation_opened(desk="sales")
    )
    given(*offered).when(transfer("c1", to_desk="sales", by="zoe")).then_refused("not_allowed")


def test_a_transfer_to_a_group_goes_to_its_best_desk_but_not_back() -> None:
    team = (
        desk("help", groups=("g",)),
        desk("sales", groups=("g",)),
        open_chat("c1", desk="help"),
    )
    given(*team, desk("sales", staff=("ben",))).when(transfer("c1", to_group="g", by="ana")).then(
        conversation_closed(), chat_left(), chat_transferred(), conversation_opened(desk="sales")
    )
    given(*team).when(transfer("c1", to_group="g", by="ana")).then(
        conversation_closed(), chat_left(), chat_transferred(), chat_queued(group="g", desk=None)
    )


def test_a_chat_given_to_a_group_waits_for_another_desk_of_it() -> None:
    waiting = (
        desk("help", groups=("g",)),
        desk("sales", groups=("g",)),
        open_chat("c1", desk="help"),
        transfer("c1", to_group="g", by="ana"),
    )
    given(*waiting, operator("ben")).when(staff_desk("sales", "ben")).then(
        event(e.DeskStaffed), conversation_opened("c1", desk="sales")
    )
    given(*waiting).when(join_chat("c1", by="ana", desk="help")).then(
        conversation_opened("c1", desk="help"), chat_joined("c1", operator="ana")
    )


def test_the_seat_freed_by_a_transfer_goes_to_the_next_in_the_queue() -> None:
    given(
        account(desk_limit=1),
        SALES,
        open_chat("c1", desk="help"),
        chat_request("c2", to_desk="help"),
    ).when(transfer("c1", to_desk="sales", by="ana")).then(
        conversation_closed("c1", desk="help"),
        chat_left("c1"),
        chat_transferred("c1"),
        conversation_opened("c1", desk="sales"),
        conversation_opened("c2", desk="help"),
    )


# --- of a waiting chat ------------------------------------------------------------------------


def test_an_agent_sends_a_waiting_chat_to_a_desk() -> None:
    given(account(routing="manual"), SALES, chat_request("c1")).when(
        transfer("c1", to_desk="sales", by="ben")
    ).then(conversation_opened("c1", desk="sales"))


def test_an_agent_sends_a_waiting_chat_to_another_group() -> None:
    then = given(group("g"), chat_request("c1"), operator("ben", availability="away")).when(
        transfer("c1", to_group="g", by="ben")
    )
    then.then(chat_queued("c1", group="g"))
    assert list(then.account.queues) == [f"group:{then.world.id('g')}"]
    then.and_when(transfer("c1", to_group="g", by="ben")).then_nothing()


def test_a_waiting_chat_that_fits_its_new_group_is_offered_at_once() -> None:
    then = given(
        group("h"), desk("sales", groups=("g",), staff=("ben",)), chat_request("c1", to_group="h")
    ).when(transfer("c1", to_group="g", by="ben"))
    then.then(chat_queued("c1", group="g"), conversation_opened("c1", desk="sales"))
    assert then.account.queues == {}


def test_a_full_desk_takes_no_waiting_chat() -> None:
    given(account(desk_limit=0), SALES, chat_request("c1")).when(
        transfer("c1", to_desk="sales", by="ben")
    ).then_refused("desk_full")


def test_a_visitor_does_not_send_a_chat_anywhere() -> None:
    given(SALES, account(routing="manual"), chat_request("c1")).when(
        transfer("c1", to_desk="sales", by="c1's visitor")
    ).then_refused("not_allowed")


# --- offers that nobody took --------------------------------------------------------------------


def test_an_offer_that_nobody_took_goes_to_the_next_desk() -> None:
    given(operator("ana"), operator("ben"), chat_request("c1")).when(expire_offer("c1")).then(
        conversation_closed("c1", desk="ana's desk", reason="no_answer"),
        conversation_opened("c1", desk="ben's desk"),
    )


def test_when_nobody_answered_all_are_asked_anew() -> None:
    team = (account(routing="round_robin"), operator("ana"), operator("ben"))
    given(*team, chat_request("c1"), expire_offer("c1")).when(expire_offer("c1")).then(
        conversation_closed("c1", desk="ben's desk"),
        chat_queued("c1", group=None, desk=None),
        conversation_opened("c1", desk="ana's desk"),
    ).and_when(expire_offer("c1")).then(
        conversation_closed("c1", desk="ana's desk"), conversation_opened("c1", desk="ben's desk")
    )


def test_an_offer_that_runs_out_when_all_have_gone_waits() -> None:
    then = given(
        operator("ana"), chat_request("c1"), set_availability("ana", "away"), chat_request("c2")
    ).when(expire_offer("c1"))
    then.then(conversation_closed("c1"), chat_queued("c1"))
    assert positions(then.account, then.world.id("c1")) == 1
    assert positions(then.account, then.world.id("c2")) == 2


def test_a_seat_freed_by_no_answer_goes_to_who_has_waited_longest() -> None:
    given(
        account(desk_limit=1),
        operator("ana"),
        operator("ben", limit=2),
        chat_request("c1", to_operator="ana"),
        chat_request("c2", to_operator="ana"),
    ).when(expire_offer("c1")).then(
        conversation_closed("c1", desk="ana's desk"),
        conversation_opened("c1", desk="ben's desk"),
        conversation_opened("c2", desk="ana's desk"),
    )


def test_a_chat_for_a_group_stays_in_the_group() -> None:
    given(operator("ana", groups=("g",)), operator("ben"), chat_request("c1", to_group="g")).when(
        expire_offer("c1")
    ).then(
        conversation_closed("c1", desk="ana's desk"),
        chat_queued("c1", group="g"),
        conversation_opened("c1", desk="ana's desk"),
    )


def test_by_manual_policy_an_offer_that_nobody_took_waits() -> None:
    given(SALES, chat_request("c1", to_desk="sales"), change_settings(routing="manual")).when(
        expire_offer("c1")
    ).then(conversation_closed("c1"), chat_queued("c1", desk=None))


def test_an_offer_is_over_when_somebody_joined_or_the_chat_was_closed() -> None:
    given(open_chat("c1", desk="sales")).when(expire_offer("c1")).then_refused("offer_over")
    given(open_chat("c1", desk="sales"), close_chat("c1", by="ana")).when(
        expire_offer("c1")
    ).then_refused("offer_over")
    given(chat_request("c1")).when(expire_offer("c1")).then_refused("offer_over")


def test_only_the_conversation_that_was_offered_runs_out() -> None:
    team = given(operator("ana"), operator("ben"), chat_request("c1"))
    first = expire_offer("c1")
    late = first.data(team.world)
    team.when(first).then(conversation_closed(), conversation_opened()).and_when(
        type(first)("system", lambda world: late)
    ).then_refused("offer_over")


def test_only_the_system_has_timers() -> None:
    given(operator("adam", "admin"), chat_request("c1")).when(
        expire_offer("c1", by="adam")
    ).then_refused("not_allowed")


def test_a_desk_that_passed_a_chat_on_may_be_asked_again_after_somebody_joined() -> None:
    given(
        account(routing="round_robin"),
        operator("ana"),
        operator("ben"),
        chat_request("c1"),
        expire_offer("c1"),
        join_chat("c1", by="ben"),
        post_message("c1", by="ben"),
        transfer("c1", to_operator="ana", by="ben"),
    ).when(expire_offer("c1")).then(
        conversation_closed("c1", desk="ana's desk"), conversation_opened("c1", desk="ben's desk")
    )


def test_events_of_a_transfer_reach_the_visitor_too() -> None:
    then = given(SALES, open_chat("c1", desk="help")).when(
        transfer("c1", to_desk="sales", by="ana")
    )
    assert {event.audience for event in then.decision.events} == {
        ("staff", f"visitor:{then.world.id('''c1's visitor''')}")
    }
