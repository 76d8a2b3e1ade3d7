"""Fingerprints: 63 bits that stand for an event or an action in a long history."""

import hashlib

import msgspec

from schemas.actions import AnyAction, PostMessage
from schemas.events import Event

_encoder = msgspec.json.Encoder()

UNKNOWN = 0
"""The fingerprint of what was not kept; equal to every other."""


def of_event(event: Event) -> int:
    """An event's, whatever its audience: clients are not shown that."""
    return _fingerprint(
        (
            event.id,
            event.version,
            event.at,
            event.actor,
            event.chat,
            event.conversation,
            event.data,
        )
    )


def of_message(chat: str | None, content: object, internal: bool) -> int:
    """A message's, as it is sent and as it is decided."""
    return _fingerprint((chat, content, internal))


def of_action(data: AnyAction) -> int:
    """That of what an action asks for, or UNKNOWN where its event does not repeat it."""
    if isinstance(data, PostMessage):
        return of_message(data.chat, data.content, data.internal)
    return UNKNOWN


def of_words(*words: str) -> int:
    """That of a few words together, for sets of keys."""
    return _fingerprint(words)


def _fingerprint(value: object) -> int:
    digest = hashlib.blake2b(_encoder.encode(value), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1
