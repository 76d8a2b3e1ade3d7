"""Operators, their credentials and tokens, and whether they take chats."""

import pytest

from schemas import actions as a
from schemas import events as e
from tests.support.domain import (
    Act,
    account,
    activate,
    add_operator,
    change_operator,
    chat_left,
    chat_request,
    conversation_opened,
    desk,
    event,
    given,
    group,
    join_chat,
    open_chat,
    operator,
    pause,
    remove_operator,
    set_availability,
)

TOKEN = "0" * 64


def set_password(name: str, *, by: str) -> Act:
    return Act(by, lambda world: a.SetPassword(operator=world.id(name), hash="$argon2$"))


def issue_token(name: str, *, by: str) -> Act:
    return Act(by, lambda world: a.IssueToken(operator=world.id(name), token=TOKEN, expires_at=1))


def revoke_token(name: str, *, by: str, token: str | None = TOKEN) -> Act:
    return Act(by, lambda world: a.RevokeToken(operator=world.id(name), token=token))


def test_an_operator_comes_with_a_personal_desk_in_the_groups_and_with_a_password() -> None:
    then = given(group("g")).when(
        add_operator("ana", role="admin", desk_limit=2, groups=("g",), password_hash="$argon2$")
    )
    then.then(
        event(e.OperatorAdded, name="ana", login="ana", role="admin"),
        event(e.DeskAdded, limit=2, groups=("g",), operator="ana"),
        event(e.PasswordSet, operator="ana", hash="$argon2$"),
    )
    ana = then.account.operators[then.world.id("ana")]
    assert then.account.desks[ana.desk].staff == [ana.id]
    assert [event.audience for event in then.decision.events] == [("staff",), ("staff",), ()]


def test_without_a_password_none_is_set() -> None:
    given().when(add_operator("ana")).then(event(e.OperatorAdded), event(e.DeskAdded))


def test_a_login_is_taken_once() -> None:
    given(operator("ana")).when(add_operator("other", login="ana")).then_refused("login_taken")


def test_a_removed_operators_login_is_free_again() -> None:
    given(operator("ana"), remove_operator("ana")).when(add_operator("ana")).then(
        event(e.OperatorAdded), event(e.DeskAdded)
    )


def test_an_operator_is_added_to_known_groups_only() -> None:
    given().when(add_operator("ana", groups=("nowhere",))).then_refused("group_unknown")


def test_admins_add_operators_and_nobody_else_does() -> None:
    given(operator("adam", "admin")).when(add_operator("ana", by="adam")).then(
        event(e.OperatorAdded), event(e.DeskAdded)
    )
    given(operator("sue", "supervisor")).when(add_operator("ana", by="sue")).then_refused(
        "not_allowed"
    )


def test_an_operator_gets_another_name_and_role() -> None:
    given(operator("ana")).when(change_operator("ana", role="supervisor")).then(
        event(e.OperatorChanged, operator="ana", name="ana", role="supervisor")
    )
    given(operator("ana")).when(change_operator("ana", name="Ana B.")).then(
        event(e.OperatorChanged, name="Ana B.", role="agent")
    )


def test_an_operator_who_is_so_already_is_not_changed() -> None:
    given(operator("ana")).when(change_operator("ana", name="ana")).then_nothing()


@pytest.mark.parametrize(
    "acted",
    [
        change_operator("nobody"),
        remove_operator("nobody"),
        set_availability("nobody", "online", by="system"),
        pause("nobody", by="system"),
        activate("nobody", by="system"),
        set_password("nobody", by="system"),
        issue_token("nobody", by="system"),
        revoke_token("nobody", by="system"),
    ],
)
def test_an_unknown_operator_is_not_changed(acted: Act) -> None:
    given().when(acted).then_refused("operator_unknown")


def test_the_last_admin_stays_admin() -> None:
    adam = operator("adam", "admin")
    given(adam).when(change_operator("adam", role="agent")).then_refused("last_admin")
    given(adam).when(remove_operator("adam")).then_refused("last_admin")
    given(adam).when(change_operator("adam", name="Adam")).then(event(e.OperatorChanged))
    given(adam, operator("eve", "admin")).when(change_operator("adam", role="agent")).then(
        event(e.OperatorChanged)
    )


def test_a_removed_operator_takes_desk_seats_and_tokens_along() -> None:
    given(desk("sales", staff=("ana",)), desk("help")).when(remove_operator("ana")).then(
        event(e.DeskLeft, desk="sales", operator="ana"),
        event(e.DeskRemoved, desk="ana's desk"),
        event(e.TokenRevoked, operator="ana", token=None),
        event(e.OperatorRemoved, operator="ana"),
    )


def test_a_removed_participant_leaves_the_chats() -> None:
    given(
        open_chat("c1", desk="sales"),
        open_chat("c2", desk="sales"),
        operator("ben"),
        join_chat("c1", by="ben", role="participant"),
    ).when(remove_operator("ben")).then(
        chat_left("c1", operator="ben"),
        event(e.DeskRemoved),
        event(e.TokenRevoked),
        event(e.OperatorRemoved),
    )


def test_an_owner_is_not_removed() -> None:
    given(open_chat("c1", desk="sales")).when(remove_operator("ana")).then_refused("operator_busy")


def test_an_operator_with_an_offer_at_the_personal_desk_is_not_removed() -> None:
    given(operator("ana"), chat_request("c1", to_operator="ana")).when(
        remove_operator("ana")
    ).then_refused("operator_busy")


def test_an_operator_whom_somebody_waits_for_is_not_removed() -> None:
    given(operator("ana", availability="away"), chat_request("c1", to_operator="ana")).when(
        remove_operator("ana")
    ).then_refused("operator_busy")


def test_an_owner_does_not_become_an_auditor() -> None:
    given(open_chat("c1", desk="sales")).when(change_operator("ana", role="auditor")).then_refused(
        "operator_busy"
    )


def test_a_participant_who_becomes_an_auditor_leaves() -> None:
    given(
        open_chat("c1", desk="sales"),
        operator("ben"),
        join_chat("c1", by="ben", role="participant"),
    ).when(change_operator("ben", role="auditor")).then(
        chat_left("c1", operator="ben"), event(e.OperatorChanged, role="auditor")
    )


def test_an_auditor_is_offered_no_chat_until_becoming_an_agent() -> None:
    given(operator("ana"), change_operator("ana", role="auditor"), chat_request("c1")).when(
        change_operator("ana", role="agent")
    ).then(event(e.OperatorChanged), conversation_opened("c1", desk="ana's desk"))


def test_a_new_password_ends_all_tokens_and_no_client_sees_it() -> None:
    then = given(operator("ana")).when(set_password("ana", by="ana"))
    then.then(
        event(e.PasswordSet, operator="ana", hash="$argon2$"),
        event(e.TokenRevoked, operator="ana", token=None),
    )
    assert [event.audience for event in then.decision.events] == [(), ()]


def test_only_admins_set_the_passwords_of_others() -> None:
    team = (operator("ana"), operator("sue", "supervisor"), operator("adam", "admin"))
    given(*team).when(set_password("ana", by="sue")).then_refused("not_allowed")
    given(*team).when(set_password("ana", by="adam")).then(
        event(e.PasswordSet), event(e.TokenRevoked)
    )


def test_only_the_system_issues_tokens() -> None:
    given(operator("adam", "admin")).when(issue_token("adam", by="adam")).then_refused(
        "not_allowed"
    )
    then = given(operator("ana")).when(issue_token("ana", by="system"))
    then.then(event(e.TokenIssued, operator="ana", token=TOKEN, expires_at=1))
    assert then.decision.events[0].audience == ()


def test_a_token_is_revoked_by_its_operator_or_an_admin() -> None:
    team = (operator("ana"), operator("ben"), operator("adam", "admin"))
    given(*team).when(revoke_token("ana", by="ana")).then(
        event(e.TokenRevoked, operator="ana", token=TOKEN)
    )
    given(*team).when(revoke_token("ana", by="adam", token=None)).then(
        event(e.TokenRevoked, operator="ana", token=None)
    )
    given(*team).when(revoke_token("ana", by="ben")).then_refused("not_allowed")


def test_availability_is_ones_own_or_a_supervisors_matter() -> None:
    team = (operator("ana"), operator("ben"), operator("sue", "supervisor"))
    changed = event(e.AvailabilityChanged, operator="ana", availability="away")
    given(*team).when(set_availability("ana", "away")).then(changed)
    given(*team).when(set_availability("ana", "away", by="sue")).then(changed)
    given(*team).when(set_availability("ana", "away", by="system")).then(changed)
    given(*team).when(set_availability("ana", "away", by="ben")).then_refused("not_allowed")


def test_an_auditor_has_no_availability() -> None:
    given(operator("otto", "auditor", availability="offline")).when(
        set_availability("otto", "online")
    ).then_refused("not_allowed")


def test_the_same_availability_again_changes_nothing() -> None:
    given(operator("ana")).when(set_availability("ana", "online")).then_nothing()


def test_who_comes_online_is_offered_those_who_wait_up_to_the_limit() -> None:
    given(
        account(desk_limit=2),
        operator("ana", availability="offline"),
        chat_request("c1"),
        chat_request("c2"),
        chat_request("c3"),
    ).when(set_availability("ana", "online")).then(
        event(e.AvailabilityChanged),
        conversation_opened("c1", desk="ana's desk"),
        conversation_opened("c2", desk="ana's desk"),
    )


def test_who_goes_away_keeps_the_offers_until_they_run_out() -> None:
    given(operator("ana"), chat_request("c1")).when(set_availability("ana", "away")).then(
        event(e.AvailabilityChanged)
    )


def test_a_paused_operator_takes_no_new_chat_until_activated() -> None:
    given(operator("ana"), pause("ana"), chat_request("c1")).when(activate("ana")).then(
        event(e.OperatorActivated, operator="ana"), conversation_opened("c1")
    )


def test_a_second_pause_and_a_second_activation_change_nothing() -> None:
    given(operator("ana"), pause("ana")).when(pause("ana")).then_nothing()
    given(operator("ana")).when(activate("ana")).then_nothing()


def test_others_are_paused_and_activated_by_supervisors() -> None:
    team = (operator("ana"), operator("ben"), operator("sue", "supervisor"))
    given(*team).when(pause("ana", by="ben")).then_refused("not_allowed")
    given(*team, pause("ana")).when(activate("ana", by="ben")).then_refused("not_allowed")
    given(*team).when(pause("ana", by="sue")).then(event(e.OperatorPaused, operator="ana"))
