"""The seats as they will be after what a decision has done so far."""

from collections.abc import Collection

from schemas.values import AccountSettings
from streams.domain.state import Account, Desk, Operator, Wish


class Seats:
    """An overlay on an account's desks: the account itself is only read.

    `settings`, `operator` and `desk` replace the account's, for a decision that changes them.
    """

    def __init__(
        self,
        account: Account,
        at: int,
        *,
        settings: AccountSettings | None = None,
        operator: Operator | None = None,
        desk: Desk | None = None,
    ) -> None:
        self._account = account
        self._at = at
        self.settings = settings or account.settings
        self._operator = operator
        self._desk = desk
        self._change: dict[str, int] = {}
        self.last_desk = account.last_desk

    def load(self, desk: Desk) -> int:
        """The open conversations at a desk."""
        return desk.load + self._change.get(desk.id, 0)

    def limit(self, desk: Desk) -> int:
        """The conversations that a desk may have at once."""
        return self.settings.desk_limit if desk.limit is None else desk.limit

    def full(self, desk: Desk) -> bool:
        """Whether a desk can take no other conversation."""
        return self.load(desk) >= self.limit(desk)

    def idle_since(self, desk: Desk) -> int:
        """When a conversation last began or ended at a desk (ms)."""
        return self._at if desk.id in self._change else desk.idle_since

    def attended(self, desk: Desk) -> bool:
        """Whether somebody at the desk takes new chats."""
        changed = self._operator
        for id in desk.staff:
            operator = self._account.operators[id]
            if changed is not None and changed.id == id:
                operator = changed
            if operator.takes_chats:
                return True
        return False

    def free(self, wish: Wish, passed: Collection[str] = ()) -> list[Desk]:
        """The attended desks with a free seat that fit a wish, without the `passed` ones."""
        desks = self._account.desks
        candidates = desks.values() if wish.desk is None else [desks[wish.desk]]
        changed = self._desk
        found = []
        for candidate in candidates:
            desk = candidate
            if changed is not None and changed.id == desk.id:
                desk = changed
            if wish.desk is None and wish.group is not None and wish.group not in desk.groups:
                continue
            if desk.id not in passed and not self.full(desk) and self.attended(desk):
                found.append(desk)
        return found

    def take(self, desk: str) -> None:
        """A conversation begins at a desk."""
        self._change[desk] = self._change.get(desk, 0) + 1
        self.last_desk = desk

    def release(self, desk: str) -> None:
        """A conversation ends at a desk."""
        self._change[desk] = self._change.get(desk, 0) - 1
