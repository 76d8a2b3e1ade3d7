"""Desks, groups and visitors."""

import pytest

from schemas import actions as a
from schemas import events as e
from schemas.values import Target
from tests.support.domain import (
    Act,
    Then,
    add_desk,
    add_group,
    change_desk,
    chat_queued,
    chat_request,
    close_chat,
    conversation_opened,
    desk,
    event,
    given,
    group,
    leave_desk,
    offered_chat,
    open_chat,
    operator,
    remove_desk,
    remove_group,
    staff_desk,
    transfer,
    visitor,
)


def change_group(name: str, *, by: str = "system") -> Act:
    return Act(by, lambda world: a.ChangeGroup(group=world.id(name), name="New"))


def change_visitor(who: str, *, by: str, name: str | None = None, email: str | None = None) -> Act:
    return Act(by, lambda world: a.ChangeVisitor(visitor=world.id(who), name=name, email=email))


def groups_of(then: Then, name: str) -> tuple[str, ...]:
    return then.account.desks[then.world.id(name)].groups


def test_a_desk_is_added_in_known_groups() -> None:
    then = given(group("g")).when(add_desk("sales", limit=3, groups=("g",)))
    then.then(event(e.DeskAdded, name="sales", limit=3, operator=None))
    assert groups_of(then, "sales") == (then.world.id("g"),)
    given().when(add_desk("sales", groups=("nowhere",))).then_refused("group_unknown")


def test_what_is_given_of_a_desk_changes() -> None:
    sales = desk("sales", limit=3, groups=("g",))
    then = given(sales).when(change_desk("sales", name="Sales"))
    then.then(event(e.DeskChanged, name="Sales", limit=3, groups=("g",)))
    given(sales).when(change_desk("sales", limit=1)).then(
        event(e.DeskChanged, name="sales", limit=1)
    )
    given(sales).when(change_desk("sales", groups=())).then(
        event(e.DeskChanged, name="sales", limit=3, groups=())
    )
    given(sales).when(change_desk("sales", limit=3)).then_nothing()
    given(sales).when(change_desk("sales", groups=("nowhere",))).then_refused("group_unknown")


def test_a_personal_desk_changes_too() -> None:
    given(operator("ana")).when(change_desk("ana's desk", limit=1)).then(
        event(e.DeskChanged, limit=1)
    )


def test_more_seats_and_more_groups_serve_the_queue() -> None:
    given(
        desk("sales", limit=1, staff=("ana",)),
        offered_chat("c1", desk="sales"),
        chat_request("c2", to_desk="sales"),
    ).when(change_desk("sales", limit=2)).then(
        event(e.DeskChanged), conversation_opened("c2", desk="sales")
    )
    given(group("g"), desk("sales", staff=("ana",)), chat_request("c1", to_group="g")).when(
        change_desk("sales", groups=("g",))
    ).then(event(e.DeskChanged), conversation_opened("c1", desk="sales"))


def test_a_limit_below_the_load_only_stops_new_chats() -> None:
    given(
        desk("sales", limit=2, staff=("ana",)),
        open_chat("c1", desk="sales"),
        open_chat("c2", desk="sales"),
        change_desk("sales", limit=1),
        chat_request("c3", to_desk="sales"),
    ).when(close_chat("c1", by="ana")).then(event(e.ConversationClosed), event(e.ChatClosed))


def test_a_desk_is_removed_when_it_serves_nobody() -> None:
    given(desk("sales", staff=("ana",))).when(remove_desk("sales")).then(
        event(e.DeskRemoved, desk="sales")
    )
    given(open_chat("c1", desk="sales")).when(remove_desk("sales")).then_refused("desk_busy")


def test_a_desk_that_somebody_waits_for_is_not_removed() -> None:
    given(desk("sales"), chat_request("c1", to_desk="sales")).when(
        remove_desk("sales")
    ).then_refused("desk_busy")


def test_a_desk_is_staffed_once_and_left_once() -> None:
    sales = (desk("sales"), operator("ana"))
    given(*sales).when(staff_desk("sales", "ana")).then(
        event(e.DeskStaffed, desk="sales", operator="ana")
    )
    given(*sales, staff_desk("sales", "ana")).when(staff_desk("sales", "ana")).then_nothing()
    given(*sales, staff_desk("sales", "ana")).when(leave_desk("sales", "ana")).then(
        event(e.DeskLeft, desk="sales", operator="ana")
    )
    given(*sales).when(leave_desk("sales", "ana")).then_nothing()


def test_who_sits_down_brings_seats_for_those_who_wait() -> None:
    given(desk("sales"), operator("ana"), chat_request("c1", to_desk="sales")).when(
        staff_desk("sales", "ana")
    ).then(event(e.DeskStaffed), conversation_opened("c1", desk="sales"))


def test_a_personal_desk_belongs_to_its_operator() -> None:
    team = (operator("ana"), operator("ben"))
    given(*team).when(staff_desk("ana's desk", "ben")).then_refused("desk_personal")
    given(*team).when(leave_desk("ana's desk", "ana")).then_refused("desk_personal")
    given(*team).when(remove_desk("ana's desk")).then_refused("desk_personal")


@pytest.mark.parametrize(
    "acted",
    [
        change_desk("nowhere"),
        remove_desk("nowhere"),
        staff_desk("nowhere", "ana"),
        leave_desk("nowhere", "ana"),
    ],
)
def test_an_unknown_desk_is_not_changed(acted: Act) -> None:
    given(operator("ana")).when(acted).then_refused("desk_unknown")


def test_nobody_unknown_is_seated() -> None:
    given(desk("sales")).when(staff_desk("sales", "nobody")).then_refused("operator_unknown")
    given(desk("sales")).when(leave_desk("sales", "nobody")).then_refused("operator_unknown")


def test_supervisors_staff_desks_and_admins_make_them() -> None:
    team = (desk("sales"), operator("ana"), operator("sue", "supervisor"))
    given(*team).when(staff_desk("sales", "ana", by="ana")).then_refused("not_allowed")
    given(*team).when(staff_desk("sales", "ana", by="sue")).then(event(e.DeskStaffed))
    given(*team).when(add_desk("help", by="sue")).then_refused("not_allowed")


def test_a_group_is_added_renamed_and_removed() -> None:
    given().when(add_group("g")).then(event(e.GroupAdded, name="g"))
    given(group("g")).when(change_group("g")).then(event(e.GroupChanged, group="g", name="New"))
    then = given(desk("sales", groups=("g", "h")), desk("help")).when(remove_group("g"))
    then.then(event(e.GroupRemoved, group="g"))
    assert groups_of(then, "sales") == (then.world.id("h"),)


def test_an_unknown_group_is_not_changed() -> None:
    given().when(change_group("nowhere")).then_refused("group_unknown")
    given().when(remove_group("nowhere")).then_refused("group_unknown")


def test_a_group_with_an_open_chat_stays() -> None:
    given(group("g"), chat_request("c1", to_group="g")).when(remove_group("g")).then_refused(
        "group_busy"
    )
    given(desk("sales", groups=("g",), staff=("ana",)), chat_request("c1", to_group="g")).when(
        remove_group("g")
    ).then_refused("group_busy")


def test_a_group_is_free_when_its_chat_went_to_a_desk() -> None:
    given(
        group("g"),
        desk("sales", staff=("ana",)),
        chat_request("c1", to_group="g"),
        transfer("c1", to_desk="sales", by="ana"),
        transfer("c1", to_operator="ana", by="ana"),
    ).when(remove_group("g")).then(event(e.GroupRemoved))


def test_a_visitor_is_seen_by_staff_and_by_the_visitor() -> None:
    then = given().when(
        Act("system", lambda world: a.AddVisitor(name="Vic", email="vic@example.org"))
    )
    then.then(event(e.VisitorAdded, name="Vic", email="vic@example.org"))
    made = then.decision.events[0]
    assert made.audience == ("staff", f"visitor:{made.id}")


def test_a_visitor_is_changed_by_staff_or_by_the_visitor() -> None:
    people = (visitor("vic"), visitor("eve"), operator("ana"))
    changed = event(e.VisitorChanged, visitor="vic", name="Vic", email=None)
    then = given(*people).when(change_visitor("vic", by="vic", name="Vic")).then(changed)
    assert then.decision.events[0].audience == ("staff", f"visitor:{then.world.id('vic')}")
    given(*people).when(change_visitor("vic", by="ana", name="Vic")).then(changed)
    given(*people).when(change_visitor("vic", by="ana")).then_nothing()
    given(*people).when(change_visitor("vic", by="eve", name="Vic")).then_refused("not_allowed")


def test_what_cannot_be_a_visitor_is_unknown() -> None:
    given(operator("ana")).when(change_visitor("nobody", by="ana", name="X")).then_refused(
        "visitor_unknown"
    )


def test_an_offer_waits_for_the_timer_when_the_last_operator_leaves_the_desk() -> None:
    given(offered_chat("c1", desk="sales")).when(leave_desk("sales", "ana")).then(event(e.DeskLeft))


def test_a_chat_for_an_empty_desk_waits() -> None:
    then = given(desk("sales"), visitor("vic")).when(
        Act(
            "vic",
            lambda world: a.RequestChat(
                visitor=world.id("vic"), to=Target(kind="desk", id=world.id("sales"))
            ),
        )
    )
    then.then(event(e.ChatRequested), chat_queued(desk="sales", group=None))
