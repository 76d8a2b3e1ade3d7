"""One partition: actions judged into decisions, decisions folded into state.

`judge` changes nothing; `fold` is the only way into the state, for the decider, for recovery and
for whoever checks a log.

Each decision's `prev` is the hash of the decision before it in its chain. A decision belongs to
the chain of its account, if that exists when it is judged, and else to the partition's own chain:
poison, actions for unknown accounts, and the creation of an account, which also begins the
account's chain.
"""

import msgspec
from msgspec.structs import replace

from schemas import codec
from schemas.actions import Action
from schemas.decisions import RULES, Answer, Decision
from schemas.refusals import REFUSALS, Refusal, Refused
from schemas.values import SYSTEM
from streams.domain.decide import decide
from streams.domain.draft import SERVED_AT_ONCE, Outcome
from streams.domain.evolve import evolve
from streams.domain.recent import recall, remember
from streams.domain.state import Partition
from streams.errors import ChainBroken, SnapshotUnusable

__all__ = [
    "STATE_SCHEMA",
    "Partition",
    "fold",
    "freeze",
    "judge",
    "judge_malformed",
    "judge_within",
    "thaw",
]

STATE_SCHEMA = 2
"""Goes up when the structs in state.py change, or evolve does: older snapshots are no use then."""

MAX_DETAIL = 300
"""Characters of an error's text that a decision carries: poison may be quoted in it."""

_NOTHING = Outcome((), ())
_SERVING = (SERVED_AT_ONCE, 10, 1, 0)
_encoder = msgspec.msgpack.Encoder()
_outer = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_inner = msgspec.msgpack.Decoder(Partition)


def judge(
    partition: Partition,
    action: Action,
    *,
    source: int,
    fence: int,
    serving: int = SERVED_AT_ONCE,
) -> Decision:
    """Decide one action: `source` is its offset, `fence` the number of the deciding term.

    `serving`: how many waiting chats it may give seats to besides.
    """
    account = partition.accounts.get(action.account)
    outcome, refused = _NOTHING, None
    repeats: Answer | None = recall(partition.recent, action)
    if repeats is None:
        try:
            outcome = decide(account, action, serving)
        except Refused as error:
            refused = Refusal(code=error.code, detail=error.detail)
    version = account.version if account is not None else 0
    return Decision(
        account=action.account,
        action=action.id,
        actor=action.actor,
        at=action.at if account is None else max(action.at, account.at),
        source=source,
        fence=fence,
        rules=RULES,
        prev=partition.chain if account is None else account.chain,
        version=version + len(outcome.events),
        key=action.key,
        events=outcome.events,
        refused=refused,
        repeats=repeats,
        why=outcome.why,
        trace=action.trace,
    )


def judge_within(
    most: int, partition: Partition, action: Action, *, source: int, fence: int
) -> tuple[Decision, bytes]:
    """As `judge`, with the bytes of the decision: `most` of them at most.

    For that fewer of those who wait are given seats. What is too large all the same is refused.
    """
    for serving in _SERVING:
        decision = judge(partition, action, source=source, fence=fence, serving=serving)
        value = codec.encode(decision)
        if len(value) <= most:
            return decision, value
    refused = replace(
        decision,
        version=decision.version - len(decision.events),
        events=(),
        refused=Refusal(code="record_too_large", detail=REFUSALS["record_too_large"]),
        repeats=None,
        why=(),
    )
    return refused, codec.encode(refused)


def judge_malformed(
    partition: Partition, detail: str, *, source: int, fence: int, at: int
) -> Decision:
    """Refuse a record that is no action; `detail` says why, `at` is the decider's time (ms)."""
    return Decision(
        account="",
        action=f"malformed-{source}",
        actor=SYSTEM,
        at=at,
        source=source,
        fence=fence,
        rules=RULES,
        prev=partition.chain,
        version=0,
        refused=Refusal(code="malformed", detail=detail[:MAX_DETAIL]),
    )


def fold(partition: Partition, decision: Decision, raw: bytes) -> None:
    """Take up an accepted decision; `raw` are its bytes as they stand on the log.

    Raises ChainBroken, and changes nothing, when `prev` is not the hash of the predecessor.
    """
    account = partition.accounts.get(decision.account)
    if account is not None and decision.source <= account.source:
        _pass_over(partition, decision)
        return
    prev = partition.chain if account is None else account.chain
    if decision.prev != prev:
        raise ChainBroken(
            f"The decision about action {decision.action} (source {decision.source}, account "
            f"{decision.account!r}) follows {decision.prev or 'none'}, not {prev or 'none'}."
        )
    for event in decision.events:
        account = evolve(account, event)
    if account is None:
        partition.chain = codec.digest(raw)
    else:
        account.chain = codec.digest(raw)
        account.source = decision.source
        if not account.id:
            account.id = decision.account
            partition.accounts[decision.account] = account
    _pass_over(partition, decision)


def _pass_over(partition: Partition, decision: Decision) -> None:
    """Take up what a decision means for the partition alone.

    All there is to do when the account comes from a part of a snapshot that is newer than the
    snapshot's offset.
    """
    if decision.repeats is None:
        remember(partition.recent, decision)
    partition.source = decision.source


def freeze(partition: Partition) -> bytes:
    """A snapshot of the state."""
    return _encoder.encode((STATE_SCHEMA, partition))


def thaw(value: bytes) -> Partition:
    """The state of a snapshot. Raises SnapshotUnusable when it is none of this version."""
    try:
        schema, state = _outer.decode(value)
        if schema != STATE_SCHEMA:
            raise SnapshotUnusable(f"The snapshot has schema {schema}, not {STATE_SCHEMA}.")
        return _inner.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotUnusable(f"Not a snapshot: {error}") from error
