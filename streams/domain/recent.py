"""The memory of keys: an action that comes again gets the first decision's answer again.

Part of the folded state, so every reader forgets alike. Bounded by time and by number: a
repetition is known for at least RECENT_WINDOW, unless RECENT_LIMIT other decisions of the
partition were made since.
"""

from schemas.actions import Action
from schemas.decisions import Answer, Decision
from schemas.refusals import Refusal
from schemas.values import Actor
from streams.domain.state import Generation, Recent

RECENT_WINDOW = 600_000
"""Milliseconds that a generation gathers decisions."""

RECENT_LIMIT = 100_000
"""Decisions that a generation holds; at about 250 bytes each."""


def recall(recent: Recent, action: Action) -> Answer | None:
    """The answer to `action` if it, or its key from this actor, was decided before."""
    first = action.id
    answer = recent.young.answers.get(first) or recent.old.answers.get(first)
    if answer is None and action.key is not None:
        scoped = _scoped(action.account, action.actor, action.key)
        found = recent.young.keys.get(scoped)
        generation = recent.old if found is None else recent.young
        first = found or recent.old.keys.get(scoped, "")
        answer = generation.answers.get(first)
    return None if answer is None else _long(first, answer)


def remember(recent: Recent, decision: Decision) -> None:
    """Take up a decision that is none about a repetition."""
    young = recent.young
    if decision.at - recent.since >= RECENT_WINDOW or len(young.answers) >= RECENT_LIMIT:
        recent.old = young
        recent.young = young = Generation()
        recent.since = decision.at
    young.answers[decision.action] = _short(decision)
    if decision.key is not None:
        young.keys[_scoped(decision.account, decision.actor, decision.key)] = decision.action


def _scoped(account: str, actor: Actor, key: str) -> str:
    """A key belongs to its actor; the length keeps (ab, c) and (a, bc) apart."""
    return f"{account} {actor.kind} {len(actor.id)} {actor.id} {key}"


def _short(decision: Decision) -> str:
    """`VERSION ID`, `VERSION ` or `VERSION CODE DETAIL`."""
    if decision.events:
        return f"{decision.version} {decision.events[0].id}"
    refused = decision.refused
    if refused is not None:
        return f"{decision.version} {refused.code} {refused.detail}"
    return f"{decision.version} "


def _long(action: str, short: str) -> Answer:
    version, first, *detail = short.split(" ", 2)
    refused = Refusal(code=first, detail=detail[0]) if detail else None
    id = first if first and refused is None else None
    return Answer(action=action, version=int(version), id=id, refused=refused)
