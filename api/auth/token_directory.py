"""Operators' tokens: who holds which, by the accepted decisions and, failing that, the rows.

A token is opaque and 256 bits long; what is stored, logged and compared is its SHA-256 alone.
"""

import hashlib
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from api.problems import Problem
from projections.store import Token
from schemas import events as e
from schemas.decisions import Decision
from schemas.values import Role
from streams.clock import Clock

CAPACITY = 100_000
"""Tokens remembered; the one unused for longest is read again when it comes back."""

PROJECTION_TIMEOUT = 5.0
"""Seconds that a token's row may be behind what the log has said about it."""


class TokenRows(Protocol):
    """What is asked of the projections."""

    async def token(self, token: str) -> Token | None:
        """The row of a token, by its SHA-256."""

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        """Wait until the rows have an account's version; False when the time is over first."""


class Holder(NamedTuple):
    """Who holds a token; `expires_at` in ms since 1970."""

    account: str
    operator: str
    role: Role
    expires_at: int


class _Issued(NamedTuple):
    account: str
    operator: str
    expires_at: int


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What stands for a token in the log and in the rows."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenDirectory:
    """Finds the holder of a token. Feed it every accepted decision (`decided`)."""

    def __init__(self, rows: TokenRows, clock: Clock, capacity: int = CAPACITY) -> None:
        self._rows = rows
        self._clock = clock
        self._capacity = capacity
        self._issued: OrderedDict[str, _Issued] = OrderedDict()
        self._of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._roles: dict[tuple[str, str], Role] = {}
        self._changed: dict[str, int] = {}

    def known(self, digest: str) -> Holder | None:
        """The holder, if memory knows; None says nothing yet."""
        issued = self._issued.get(digest)
        if issued is None or issued.expires_at <= self._clock():
            return None
        role = self._roles.get((issued.account, issued.operator))
        if role is None:
            return None
        self._issued.move_to_end(digest)
        return Holder(issued.account, issued.operator, role, issued.expires_at)

    async def find(self, digest: str) -> Holder | None:
        """The holder of a valid token, None for any other. Raises Problem `unavailable`."""
        return self.known(digest) or await self._look_up(digest)

    def decided(self, decision: Decision) -> None:
        """Take up an accepted decision."""
        for event in decision.events:
            change = _CHANGES.get(type(event.data))
            if change is not None:
                change(self, decision.account, event.data)
                self._changed[decision.account] = event.version

    async def _look_up(self, digest: str) -> Holder | None:
        """Read the rows, at least as new as the last decision about tokens that was seen."""
        issued = self._issued.get(digest)
        if issued is not None:
            await self._await_rows(issued.account)
        row = await self._rows.token(digest)
        while row is not None:
            seen = self._changed.get(row.account, 0)
            await self._await_rows(row.account)
            row = await self._rows.token(digest)
            if row is None or self._changed.get(row.account, 0) == seen:
                break
        if row is None or row.expires_at <= self._clock():
            return None
        self._remember(digest, _Issued(row.account, row.operator, row.expires_at))
        self._roles[row.account, row.operator] = row.role
        return Holder(row.account, row.operator, row.role, row.expires_at)

    async def _await_rows(self, account: str) -> None:
        version = self._changed.get(account, 0)
        if not await self._rows.reached(account, version, PROJECTION_TIMEOUT):
            raise Problem("unavailable", "Tokens cannot be checked now.")

    def _remember(self, digest: str, issued: _Issued) -> None:
        self._issued[digest] = issued
        self._of[issued.account, issued.operator].add(digest)
        if len(self._issued) > self._capacity:
            self._forget(next(iter(self._issued)))

    def _forget(self, digest: str) -> None:
        issued = self._issued.pop(digest, None)
        if issued is None:
            return
        holder = issued.account, issued.operator
        self._of[holder].discard(digest)
        if not self._of[holder]:
            del self._of[holder]
            self._roles.pop(holder, None)

    def _forget_all(self, account: str, operator: str) -> None:
        for digest in list(self._of.get((account, operator), ())):
            self._forget(digest)

    def _on_issued(self, account: str, data: e.AnyEvent) -> None:
        assert isinstance(data, e.TokenIssued)
        self._remember(data.token, _Issued(account, data.operator, data.expires_at))

    def _on_revoked(self, account: str, data: e.AnyEvent) -> None:
        assert isinstance(data, e.TokenRevoked)
        if data.token is None:
            self._forget_all(account, data.operator)
        else:
            self._forget(data.token)

    def _on_all_ended(self, account: str, data: e.AnyEvent) -> None:
        assert isinstance(data, e.PasswordSet | e.OperatorRemoved)
        self._forget_all(account, data.operator)

    def _on_changed(self, account: str, data: e.AnyEvent) -> None:
        assert isinstance(data, e.OperatorChanged)
        holder = account, data.operator
        if holder in self._roles:
            self._roles[holder] = data.role


_CHANGES: dict[type, Callable[[TokenDirectory, str, e.AnyEvent], None]] = {
    e.TokenIssued: TokenDirectory._on_issued,
    e.TokenRevoked: TokenDirectory._on_revoked,
    e.PasswordSet: TokenDirectory._on_all_ended,
    e.OperatorRemoved: TokenDirectory._on_all_ended,
    e.OperatorChanged: TokenDirectory._on_changed,
}
