"""The codes of refusals are stable, and so is what they say."""

import ast
from pathlib import Path

import pytest

import streams.domain
from schemas.refusals import REFUSALS, DeskstreamError, MalformedRecord, Refused

PINNED = {
    "malformed": "The action cannot be read.",
    "record_too_large": "The action, or what follows from it, is more than one record may hold.",
    "not_allowed": "You may not do that.",
    "account_unknown": "There is no such account.",
    "account_exists": "An account with this id exists already.",
    "operator_unknown": "There is no such operator.",
    "operator_busy": "The operator still owns open chats.",
    "operator_unavailable": "The operator takes no chats now.",
    "login_taken": "Another operator has this login.",
    "last_admin": "An account keeps at least one admin.",
    "desk_unknown": "There is no such desk.",
    "desk_busy": "The desk still serves chats.",
    "desk_full": "The desk exceeds its number to serve.",
    "desk_personal": "A personal desk belongs to its operator.",
    "desk_not_staffed": "You do not staff this desk.",
    "group_unknown": "There is no such group.",
    "group_busy": "The group still has open chats.",
    "visitor_unknown": "There is no such visitor.",
    "queue_full": "Too many chats are waiting.",
    "chat_unknown": "There is no such chat.",
    "chat_closed": "The chat is closed.",
    "chat_taken": "The chat has an owner already.",
    "chat_open": "The visitor has an open chat already.",
    "not_in_chat": "You are not in this chat.",
    "already_in_chat": "You are in this chat already.",
    "observer_silent": "An observer writes nothing.",
    "owner_stays": "An owner transfers or closes the chat.",
    "same_desk": "The chat is at this desk already.",
    "message_unknown": "There is no such message in this chat.",
    "offer_over": "The offer is over.",
}


def test_codes_and_texts_are_pinned() -> None:
    assert REFUSALS == PINNED


def test_a_refusal_says_what_its_code_says_unless_there_is_more_to_say() -> None:
    assert str(Refused("desk_full")) == Refused("desk_full").detail == PINNED["desk_full"]
    assert Refused("not_allowed", "Not now.").detail == "Not now."
    assert Refused("desk_full").code == "desk_full"


def test_there_is_no_refusal_without_a_code_from_the_list() -> None:
    with pytest.raises(KeyError):
        Refused("whatever")


def test_both_are_errors_of_deskstream() -> None:
    assert issubclass(Refused, DeskstreamError)
    assert issubclass(MalformedRecord, DeskstreamError)


def test_the_domain_uses_every_code_and_no_other() -> None:
    used: set[object] = {"malformed", "record_too_large"}
    (folder,) = streams.domain.__path__
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                leaves = ast.walk(node.args[0])
                used |= {leaf.value for leaf in leaves if isinstance(leaf, ast.Constant)}
    assert used == set(REFUSALS)
