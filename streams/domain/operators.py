"""Deciding about the account, its operators, their credentials and tokens."""

from msgspec.structs import replace

from schemas import actions as a
from schemas import events as e
from schemas.actions import Action
from schemas.refusals import Refused
from schemas.values import AccountSettings
from streams.domain.draft import NOBODY, Draft, Outcome
from streams.domain.routing import serve_queue
from streams.domain.seats import Seats
from streams.domain.state import Account, Operator


def create_account(action: Action, data: a.CreateAccount) -> Outcome:
    """The first event of an account. Raises Refused (not_allowed): only the system may."""
    empty = Account(settings=AccountSettings())
    draft = Draft(empty, action)
    draft.add(e.AccountCreated(name=data.name, settings=data.settings))
    return draft.outcome()


def change_settings(draft: Draft, data: a.ChangeSettings) -> None:
    """What is given changes; seats gained thereby are given away."""
    given = {
        name: value
        for name in ("routing", "desk_limit", "no_answer_after", "queue_limit")
        if (value := getattr(data, name)) is not None
    }
    settings = replace(draft.account.settings, **given)
    if settings != draft.account.settings:
        draft.add(e.SettingsChanged(settings=settings))
        serve_queue(draft, Seats(draft.account, draft.at, settings=settings))


def add_operator(draft: Draft, data: a.AddOperator) -> None:
    """Comes with a personal desk, and with a password if one is given."""
    account = draft.account
    if any(operator.login == data.login for operator in account.operators.values()):
        raise Refused("login_taken")
    if any(group not in account.groups for group in data.groups):
        raise Refused("group_unknown")
    operator = draft.add(e.OperatorAdded(name=data.name, login=data.login, role=data.role))
    draft.add(
        e.DeskAdded(name=data.name, limit=data.desk_limit, groups=data.groups, operator=operator)
    )
    if data.password_hash is not None:
        draft.add(e.PasswordSet(operator=operator, hash=data.password_hash), NOBODY)


def change_operator(draft: Draft, data: a.ChangeOperator) -> None:
    """Name and role. Who owns a chat cannot become an auditor, who writes nothing."""
    operator = known_operator(draft.account, data.operator)
    name = operator.name if data.name is None else data.name
    role = operator.role if data.role is None else data.role
    if (name, role) == (operator.name, operator.role):
        return
    if role != "admin":
        _must_not_be_last_admin(draft.account, operator)
    if role == "auditor" and _is_busy(draft.account, operator):
        raise Refused("operator_busy")
    if role == "auditor":
        _leave_chats(draft, operator)
    draft.add(e.OperatorChanged(operator=operator.id, name=name, role=role))
    changed = replace(operator, name=name, role=role)
    serve_queue(draft, Seats(draft.account, draft.at, operator=changed))


def remove_operator(draft: Draft, data: a.RemoveOperator) -> None:
    """Takes the personal desk and every token along; needs that nobody is served there."""
    operator = known_operator(draft.account, data.operator)
    _must_not_be_last_admin(draft.account, operator)
    if _is_busy(draft.account, operator):
        raise Refused("operator_busy")
    _leave_chats(draft, operator)
    for desk in draft.account.desks.values():
        if operator.id in desk.staff and desk.id != operator.desk:
            draft.add(e.DeskLeft(desk=desk.id, operator=operator.id))
    draft.add(e.DeskRemoved(desk=operator.desk))
    draft.add(e.TokenRevoked(operator=operator.id), NOBODY)
    draft.add(e.OperatorRemoved(operator=operator.id))


def set_password(draft: Draft, data: a.SetPassword) -> None:
    """A new password ends every token."""
    draft.must_concern(data.operator)
    operator = known_operator(draft.account, data.operator)
    draft.add(e.PasswordSet(operator=operator.id, hash=data.hash), NOBODY)
    draft.add(e.TokenRevoked(operator=operator.id), NOBODY)


def issue_token(draft: Draft, data: a.IssueToken) -> None:
    """Tokens are for those who read the events; the decider keeps none."""
    operator = known_operator(draft.account, data.operator)
    issued = e.TokenIssued(operator=operator.id, token=data.token, expires_at=data.expires_at)
    draft.add(issued, NOBODY)


def revoke_token(draft: Draft, data: a.RevokeToken) -> None:
    """One token, or all of them; harmless when it has ended already."""
    draft.must_concern(data.operator)
    operator = known_operator(draft.account, data.operator)
    draft.add(e.TokenRevoked(operator=operator.id, token=data.token), NOBODY)


def set_availability(draft: Draft, data: a.SetAvailability) -> None:
    """Only `online` takes new chats; those already there stay."""
    draft.must_concern(data.operator)
    operator = known_operator(draft.account, data.operator)
    if operator.availability != data.availability:
        draft.add(e.AvailabilityChanged(operator=operator.id, availability=data.availability))
        changed = replace(operator, availability=data.availability)
        serve_queue(draft, Seats(draft.account, draft.at, operator=changed))


def pause_operator(draft: Draft, data: a.PauseOperator) -> None:
    """Stops new chats, whatever the availability."""
    draft.must_concern(data.operator)
    operator = known_operator(draft.account, data.operator)
    if not operator.paused:
        draft.add(e.OperatorPaused(operator=operator.id))


def activate_operator(draft: Draft, data: a.ActivateOperator) -> None:
    """Takes new chats again, and those that wait at once."""
    draft.must_concern(data.operator)
    operator = known_operator(draft.account, data.operator)
    if operator.paused:
        draft.add(e.OperatorActivated(operator=operator.id))
        changed = replace(operator, paused=False)
        serve_queue(draft, Seats(draft.account, draft.at, operator=changed))


def known_operator(account: Account, id: str) -> Operator:
    """An operator. Raises Refused (operator_unknown)."""
    operator = account.operators.get(id)
    if operator is None:
        raise Refused("operator_unknown")
    return operator


def _must_not_be_last_admin(account: Account, operator: Operator) -> None:
    admins = [other.id for other in account.operators.values() if other.role == "admin"]
    if admins == [operator.id]:
        raise Refused("last_admin")


def _is_busy(account: Account, operator: Operator) -> bool:
    """Whether chats would be left without whom they are with, or wait for."""
    return any(
        chat.owner == operator.id or operator.desk in (chat.desk, chat.only_desk)
        for chat in account.chats.values()
    )


def _leave_chats(draft: Draft, operator: Operator) -> None:
    for chat in draft.account.chats.values():
        if operator.id in chat.participants:
            draft.tell(chat, e.ChatLeft(operator=operator.id))
