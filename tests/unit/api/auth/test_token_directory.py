from api.auth.authenticator import Authenticator
from api.auth.token_directory import TokenDirectory, digest_of
from api.auth.visitor_tokens import VisitorTokens
from projections.store import Token
from schemas.decisions import Decision
from schemas.events import (
    AnyEvent,
    Event,
    OperatorChanged,
    OperatorRemoved,
    PasswordSet,
    TokenIssued,
    TokenRevoked,
)
from schemas.ids import event_id
from schemas.values import SYSTEM, Role

NOW = 1_700_000_000_000
SECRET = "a-token-of-ana"
DIGEST = digest_of(SECRET)


class Rows:
    """Rows that lag behind the decisions until somebody waits for them."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.pending: list[Token] = []
        self.reads = 0

    async def token(self, token: str) -> Token | None:
        self.reads += 1
        return self.tokens.get(token)

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        for row in self.pending:
            self.tokens[row.token] = row
        self.pending.clear()
        return True


class Decisions:
    """Makes accepted decisions of one account."""

    def __init__(self, directory: TokenDirectory) -> None:
        self._directory = directory
        self._version = 0

    def __call__(self, *data: AnyEvent) -> None:
        events = []
        for item in data:
            self._version += 1
            events.append(
                Event(
                    id=event_id(NOW, self._version),
                    version=self._version,
                    at=NOW,
                    actor=SYSTEM,
                    audience=(),
                    data=item,
                )
            )
        self._directory.decided(
            Decision(account="acme", action="a", actor=SYSTEM, at=NOW, source=0, fence=0, rules=1,
                     prev="", version=self._version, events=tuple(events))
        )  # fmt: skip


def row(token: str = DIGEST, role: Role = "agent", expires_at: int = NOW + 1_000) -> Token:
    return Token(token, "acme", "ana", role, NOW, expires_at)


def directory(rows: Rows, capacity: int = 10) -> TokenDirectory:
    return TokenDirectory(rows, lambda: NOW, capacity)


def issued(token: str = DIGEST) -> TokenIssued:
    return TokenIssued(operator="ana", token=token, expires_at=NOW + 1_000)


async def test_an_issued_token_is_good_though_the_rows_lag() -> None:
    rows = Rows()
    tokens = directory(rows)
    rows.pending.append(row())
    Decisions(tokens)(issued())
    holder = await tokens.find(DIGEST)
    assert holder is not None
    assert (holder.account, holder.operator, holder.role) == ("acme", "ana", "agent")


async def test_a_known_token_costs_no_query() -> None:
    rows = Rows()
    rows.tokens[DIGEST] = row()
    tokens = directory(rows)
    await tokens.find(DIGEST)
    reads = rows.reads
    assert tokens.known(DIGEST) is not None
    assert rows.reads == reads


async def test_a_revoked_token_is_nobodys_at_once() -> None:
    for ending in (
        TokenRevoked(operator="ana", token=DIGEST),
        TokenRevoked(operator="ana"),
        PasswordSet(operator="ana", hash="x"),
        OperatorRemoved(operator="ana"),
    ):
        rows = Rows()
        rows.tokens[DIGEST] = row()
        tokens = directory(rows)
        assert await tokens.find(DIGEST) is not None
        Decisions(tokens)(ending)
        assert tokens.known(DIGEST) is None


async def test_another_operators_tokens_stay() -> None:
    rows = Rows()
    rows.tokens[DIGEST] = row()
    tokens = directory(rows)
    await tokens.find(DIGEST)
    Decisions(tokens)(TokenRevoked(operator="ben"), PasswordSet(operator="ben", hash="x"))
    assert tokens.known(DIGEST) is not None


async def test_a_changed_role_holds_from_the_next_request_on() -> None:
    rows = Rows()
    rows.tokens[DIGEST] = row(role="admin")
    tokens = directory(rows)
    await tokens.find(DIGEST)
    Decisions(tokens)(OperatorChanged(operator="ana", name="Ana", role="agent"))
    holder = tokens.known(DIGEST)
    assert holder is not None
    assert holder.role == "agent"


async def test_an_ended_token_is_nobodys() -> None:
    rows = Rows()
    rows.tokens[DIGEST] = row(expires_at=NOW)
    assert await directory(rows).find(DIGEST) is None


async def test_memory_of_tokens_is_bounded() -> None:
    tokens = directory(Rows(), capacity=3)
    decide = Decisions(tokens)
    for number in range(10):
        decide(issued(f"{number:064}"))
    assert len(tokens._issued) == 3
    assert sum(map(len, tokens._of.values())) == 3


async def test_an_authenticator_tells_operators_visitors_and_the_platform_apart() -> None:
    rows = Rows()
    rows.tokens[DIGEST] = row()
    visitors = VisitorTokens("k" * 32, lambda: NOW, 1.0)
    authenticator = Authenticator(directory(rows), visitors, "the-platform's-token")

    operator = await authenticator.identify(SECRET)
    assert operator is not None
    assert operator.viewer is not None
    assert (operator.viewer.kind, operator.viewer.role, operator.token) == (
        "operator", "agent", DIGEST
    )  # fmt: skip
    visitor = await authenticator.identify(visitors.issue("acme", "vera").token)
    assert visitor is not None
    assert visitor.viewer is not None
    assert (visitor.viewer.kind, visitor.viewer.id, visitor.token) == ("visitor", "vera", None)
    platform = await authenticator.identify("the-platform's-token")
    assert platform is not None
    assert platform.viewer is None
    for nobody in ("", "unknown", "x" * 10_000, "é", DIGEST, "a.b.c.d"):
        assert await authenticator.identify(nobody) is None
