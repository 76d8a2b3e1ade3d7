"""What a client holds: everything it may see, as of one version."""

from sqlalchemy import Connection

from projections import accounts, chats, desks, groups, messages, operators, visitors
from schemas.refusals import Refused
from schemas.values import STAFF
from schemas.views import StaffState, VisitorState
from streams.domain.access import Viewer, audience_of


def state_for(connection: Connection, viewer: Viewer) -> StaffState | VisitorState:
    """The viewer's state. Raises Refused: not_allowed, account_unknown, visitor_unknown."""
    if STAFF in audience_of(viewer):
        return _staff(connection, viewer.account)
    if viewer.kind == "visitor":
        return _visitor(connection, viewer)
    raise Refused("not_allowed")


def _staff(connection: Connection, account: str) -> StaffState:
    view = accounts.reader.one(connection, account, account)
    if view is None:
        raise Refused("account_unknown")
    version, id = accounts.head(connection, account)
    return StaffState(
        version=version,
        id=id,
        account=view,
        operators=tuple(operators.reader.all(connection, account)),
        desks=tuple(desks.reader.all(connection, account)),
        groups=tuple(groups.reader.all(connection, account)),
        chats=tuple(chats.open_chats(connection, account)),
    )


def _visitor(connection: Connection, viewer: Viewer) -> VisitorState:
    account = viewer.account
    visitor = visitors.reader.one(connection, account, viewer.id)
    if visitor is None:
        raise Refused("visitor_unknown")
    version, id = accounts.head(connection, account)
    own = chats.open_chats_of(connection, account, viewer.id)
    said = messages.newest_for_visitor(connection, account, [chat.id for chat in own])
    return VisitorState(
        version=version, id=id, visitor=visitor, chats=tuple(own), messages=tuple(said)
    )
