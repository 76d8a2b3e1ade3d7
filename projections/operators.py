"""Operators, and what lets them in: credentials and tokens."""

from typing import NamedTuple, assert_never

from msgspec.structs import replace
from sqlalchemy import Column, Connection, Index, Table, bindparam, delete, select

from projections.bulk import Bulk
from projections.kinds import (
    AccountEvent,
    ChatEvent,
    GroupEvent,
    SeatEvent,
    TalkEvent,
    VisitorEvent,
)
from projections.reading import Reader
from projections.rows import Rows
from projections.schema import TEXT, metadata, number, text, view_table
from schemas import events as e
from schemas.events import Event
from schemas.values import Role
from schemas.views import OperatorView

operators = view_table("operators", text("login"), text("role"))
Index("operators_by_login", operators.c.account, operators.c.login)
credentials = Table(
    "credentials",
    metadata,
    Column("account", TEXT, primary_key=True),
    Column("operator", TEXT, primary_key=True),
    text("hash"),
)
tokens = Table(
    "tokens",
    metadata,
    Column("token", TEXT, primary_key=True),
    text("account"),
    text("operator"),
    number("issued_at"),
    number("expires_at"),
    Index("tokens_by_operator", "account", "operator"),
)

reader = Reader(operators, OperatorView)


class Credentials(NamedTuple):
    """What a login is checked against; `hash` is argon2's encoded form."""

    operator: str
    role: Role
    hash: str


class Token(NamedTuple):
    """An operator's token, which is known by its SHA-256 alone; times are ms since 1970."""

    token: str
    account: str
    operator: str
    role: Role
    issued_at: int
    expires_at: int


_credentials = (
    select(operators.c.id, operators.c.role, credentials.c.hash)
    .join(
        credentials,
        (credentials.c.account == operators.c.account) & (credentials.c.operator == operators.c.id),
    )
    .where(operators.c.account == bindparam("a"), operators.c.login == bindparam("l"))
)
_tokens = select(
    tokens.c.token,
    tokens.c.account,
    tokens.c.operator,
    operators.c.role,
    tokens.c.issued_at,
    tokens.c.expires_at,
).join(
    operators,
    (operators.c.account == tokens.c.account) & (operators.c.id == tokens.c.operator),
)
_token = _tokens.where(tokens.c.token == bindparam("t"))
_of_operator = (tokens.c.account == bindparam("a"), tokens.c.operator == bindparam("o"))
_tokens_of = _tokens.where(*_of_operator).order_by(tokens.c.issued_at, tokens.c.token)

_drop_token = delete(tokens).where(*_of_operator, tokens.c.token == bindparam("t"))
_drop_tokens = delete(tokens).where(*_of_operator)
_drop_expired = delete(tokens).where(*_of_operator, tokens.c.expires_at <= bindparam("at"))
_drop_credentials = delete(credentials).where(
    credentials.c.account == bindparam("a"), credentials.c.operator == bindparam("o")
)


def credentials_of(connection: Connection, account: str, login: str) -> Credentials | None:
    """What a login is checked against; None without an operator or a password."""
    row = connection.execute(_credentials, {"a": account, "l": login}).first()
    return None if row is None else Credentials(*row)


def token_of(connection: Connection, token: str) -> Token | None:
    """The token with this SHA-256, expired or not; None when unknown or revoked."""
    row = connection.execute(_token, {"t": token}).first()
    return None if row is None else Token(*row)


def tokens_of(connection: Connection, account: str, operator: str) -> list[Token]:
    """An operator's tokens, the oldest first."""
    rows = connection.execute(_tokens_of, {"a": account, "o": operator})
    return [Token(*row) for row in rows]


Ignored = TalkEvent | ChatEvent | SeatEvent | VisitorEvent | AccountEvent | GroupEvent


class Operators:
    """Takes up what is said about operators. Credentials and tokens, being rare, at once."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(operators, OperatorView, columns=lambda view: (view.login, view.role))
        self._set_credentials = Bulk(credentials, replace=True)
        self._set_token = Bulk(tokens, replace=True)

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        match data:
            case e.OperatorAdded():
                view = OperatorView(
                    id=event.id, name=data.name, login=data.login, role=data.role, desk=""
                )
                self.rows.put(account, event.id, view)
            case e.OperatorChanged():
                self._change(account, data.operator, name=data.name, role=data.role)
            case e.OperatorRemoved():
                self.rows.remove(account, data.operator)
                values = {"a": account, "o": data.operator}
                self.rows.connection.execute(_drop_credentials, values)
            case e.AvailabilityChanged():
                self._change(account, data.operator, availability=data.availability)
            case e.OperatorPaused():
                self._change(account, data.operator, paused=True)
            case e.OperatorActivated():
                self._change(account, data.operator, paused=False)
            case e.DeskAdded():
                if data.operator is not None:
                    self._change(account, data.operator, desk=event.id)
            case e.DeskChanged() | e.DeskRemoved() | e.DeskStaffed() | e.DeskLeft():
                pass
            case e.PasswordSet():
                row = (account, data.operator, data.hash)
                self._set_credentials.run(self.rows.connection, [row])
            case e.TokenIssued():
                self._issue_token(account, event, data)
            case e.TokenRevoked():
                self._end_tokens(account, data.operator, data.token)
            case _:
                if not isinstance(data, Ignored):
                    assert_never(data)

    def _change(self, account: str, operator: str, **changes: object) -> None:
        self.rows.put(account, operator, replace(self.rows.get(account, operator), **changes))

    def _issue_token(self, account: str, event: Event, data: e.TokenIssued) -> None:
        values = {"a": account, "o": data.operator, "at": event.at}
        self.rows.connection.execute(_drop_expired, values)
        row = (data.token, account, data.operator, event.at, data.expires_at)
        self._set_token.run(self.rows.connection, [row])

    def _end_tokens(self, account: str, operator: str, token: str | None) -> None:
        values = {"a": account, "o": operator}
        if token is None:
            self.rows.connection.execute(_drop_tokens, values)
        else:
            self.rows.connection.execute(_drop_token, values | {"t": token})
