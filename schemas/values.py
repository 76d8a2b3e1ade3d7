"""Values that records share, with their limits. Times are ms since 1970 (UTC), durations ms."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from schemas.record import Record

PERSONAL: dict[str, Any] = {"x-personal": True}
"""Marks a field as personal content: what encryption per visitor, and erasure, will cover."""

MAX_TEXT = 3_800
MAX_DESK_LIMIT = 1_000

Id = Annotated[str, Meta(min_length=1, max_length=64)]
AccountId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
PersonalName = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=PERSONAL)]
Email = Annotated[
    str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, extra_json_schema=PERSONAL)
]
Login = Annotated[str, Meta(min_length=1, max_length=254, extra_json_schema=PERSONAL)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, extra_json_schema=PERSONAL)]
Address = Annotated[str, Meta(min_length=1, max_length=2_048, extra_json_schema=PERSONAL)]
Subject = Annotated[str, Meta(max_length=200, extra_json_schema=PERSONAL)]
Key = Annotated[str, Meta(min_length=1, max_length=255)]
Trace = Annotated[str, Meta(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Milliseconds = Annotated[int, Meta(ge=0, lt=2**48)]
DeskLimit = Annotated[int, Meta(ge=0, le=MAX_DESK_LIMIT)]

ActorKind = Literal["visitor", "operator", "bot", "system"]
Role = Literal["agent", "supervisor", "admin", "auditor"]
Availability = Literal["offline", "unavailable", "away", "online"]
ChatStatus = Literal["queued", "offered", "active", "closed"]
ParticipantRole = Literal["owner", "participant", "observer"]
RoutingPolicy = Literal["least_loaded", "round_robin", "longest_idle", "manual"]

STAFF = "staff"
Audience = tuple[str, ...]
"""Who may see an event: any of `staff`, `operator:ID`, `visitor:ID`. Empty: no client at all."""


def operator_audience(operator: str) -> str:
    """The audience entry of one operator."""
    return f"operator:{operator}"


def visitor_audience(visitor: str) -> str:
    """The audience entry of one visitor."""
    return f"visitor:{visitor}"


class Actor(Record):
    """Who acts. `device` tells apart the connections of one person."""

    kind: ActorKind
    id: Id
    device: Id | None = None


SYSTEM = Actor(kind="system", id="system")


class AccountSettings(Record, omit_defaults=False):
    """What an account decides for itself."""

    routing: RoutingPolicy = "least_loaded"
    desk_limit: DeskLimit = 5
    """Chats at once at a desk that sets no limit of its own."""
    no_answer_after: Annotated[int, Meta(ge=1_000, le=86_400_000)] = 60_000
    """Milliseconds that an offered chat waits for somebody to join before it is routed again."""
    queue_limit: Annotated[int, Meta(ge=0, le=100_000)] = 1_000
    """Chats that may wait; a request beyond it is refused."""


class TextContent(Record, tag_field="type", tag="text"):
    """Plain text."""

    text: Text


class FileContent(Record, tag_field="type", tag="file"):
    """A file that is stored elsewhere; `size` in bytes."""

    name: PersonalName
    src: Address
    size: Count


class ImageContent(Record, tag_field="type", tag="image"):
    """An image that is stored elsewhere; `width` and `height` in pixels, `size` in bytes."""

    src: Address
    width: Count
    height: Count
    size: Count


Content = TextContent | FileContent | ImageContent


class Target(Record):
    """Where a chat is to go."""

    kind: Literal["desk", "operator", "group"]
    id: Id
