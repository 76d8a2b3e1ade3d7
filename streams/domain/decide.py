"""What an action leads to: its events, or a refusal. Pure, and changes nothing."""

from typing import assert_never

from schemas import actions as a
from schemas.actions import Action, AnyAction
from schemas.refusals import Refused
from streams.domain import chats, desks, operators, transfers
from streams.domain.draft import SERVED_AT_ONCE, Draft, Outcome
from streams.domain.state import Account


def decide(account: Account | None, action: Action, serving: int = SERVED_AT_ONCE) -> Outcome:
    """The events of `action` and why routing chose so. Raises Refused.

    `account` is None when there is none yet. The action brings its time along; earlier than the
    account's newest event, it counts as that event's time. `serving`: see Draft.
    """
    if account is None:
        if isinstance(action.data, a.CreateAccount):
            return operators.create_account(action, action.data)
        raise Refused("account_unknown")
    draft = Draft(account, action, serving)
    _dispatch(draft, action.data)
    return draft.outcome()


def _dispatch(draft: Draft, data: AnyAction) -> None:  # noqa: PLR0912, PLR0915 (one a kind)
    match data:
        case a.PostMessage():  # first: most actions are messages
            chats.post_message(draft, data)
        case a.MarkRead():
            chats.mark_read(draft, data)
        case a.RequestChat():
            chats.request_chat(draft, data)
        case a.JoinChat():
            chats.join_chat(draft, data)
        case a.LeaveChat():
            chats.leave_chat(draft, data)
        case a.CloseChat():
            chats.close_chat(draft, data)
        case a.Transfer():
            transfers.transfer(draft, data)
        case a.ExpireOffer():
            transfers.expire_offer(draft, data)
        case a.CreateAccount():
            raise Refused("account_exists")
        case a.ChangeSettings():
            operators.change_settings(draft, data)
        case a.AddOperator():
            operators.add_operator(draft, data)
        case a.ChangeOperator():
            operators.change_operator(draft, data)
        case a.RemoveOperator():
            operators.remove_operator(draft, data)
        case a.SetPassword():
            operators.set_password(draft, data)
        case a.SetAvailability():
            operators.set_availability(draft, data)
        case a.PauseOperator():
            operators.pause_operator(draft, data)
        case a.ActivateOperator():
            operators.activate_operator(draft, data)
        case a.IssueToken():
            operators.issue_token(draft, data)
        case a.RevokeToken():
            operators.revoke_token(draft, data)
        case a.AddDesk():
            desks.add_desk(draft, data)
        case a.ChangeDesk():
            desks.change_desk(draft, data)
        case a.RemoveDesk():
            desks.remove_desk(draft, data)
        case a.StaffDesk():
            desks.staff_desk(draft, data)
        case a.LeaveDesk():
            desks.leave_desk(draft, data)
        case a.AddGroup():
            desks.add_group(draft, data)
        case a.ChangeGroup():
            desks.change_group(draft, data)
        case a.RemoveGroup():
            desks.remove_group(draft, data)
        case a.AddVisitor():
            desks.add_visitor(draft, data)
        case a.ChangeVisitor():
            desks.change_visitor(draft, data)
        case _:
            assert_never(data)
