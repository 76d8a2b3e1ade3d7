"""Fetch sessions (KIP-227): a broker remembers what it is asked for, and is told what changes.

Without one, each request and each answer lists every partition that is followed.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

Positions = Mapping[TopicPartition, int]
"""The offset to read from, for each partition."""

_NONE: Final = 0
_NEW: Final = 0
_NO_SESSION: Final = (_NONE, -1)


class Fetch(NamedTuple):
    """How to fetch: how long a broker waits for news, and how much it gives."""

    wait_seconds: float = 0.0
    partition_bytes: int = 1 << 20
    total_bytes: int = 8 << 20


class FetchSession:
    """A session with one broker; one that the broker does not keep asks for everything."""

    def __init__(self) -> None:
        self._id = _NONE
        self._epoch = _NEW
        self._known: Positions = {}

    def request(self, positions: Positions, how: Fetch) -> "SessionRequest":
        """The request for what there is from these offsets on."""
        known: Positions = self._known if self._id != _NONE else {}
        changed = {place: at for place, at in positions.items() if known.get(place) != at}
        forgotten = [place for place in known if place not in positions]
        self._known = dict(positions)
        return SessionRequest((self._id, self._epoch), changed, forgotten, how)

    def answered(self, response: Any) -> bool:
        """Take the answer up; False if the broker has forgotten the session: ask anew."""
        if getattr(response, "error_code", 0):
            self._id, self._epoch = _NONE, _NEW
            return False
        self._id = getattr(response, "session_id", _NONE)
        self._epoch = self._epoch + 1 if self._id != _NONE else _NEW
        return True


def single_request(positions: Positions, how: Fetch) -> "SessionRequest":
    """A request outside of any session."""
    return SessionRequest(_NO_SESSION, positions, [], how)


class SessionRequest(FetchRequest):
    """aiokafka's request, which knows of no sessions, with one."""

    def __init__(
        self,
        session: tuple[int, int],
        changed: Positions,
        forgotten: list[TopicPartition],
        how: Fetch,
    ) -> None:
        """`session`: its id and epoch."""
        topics: dict[str, list[tuple[int, int, int]]] = {}
        for (topic, partition), offset in changed.items():
            topics.setdefault(topic, []).append((partition, offset, how.partition_bytes))
        # Nobody writes here in transactions, so that isolation levels make no difference.
        super().__init__(int(how.wait_seconds * 1000), 1, how.total_bytes, 0, [*topics.items()])
        self._session = session
        self._forgotten = forgotten

    def build(self, request_struct_class: type[Any]) -> Any:
        """See Request.build."""
        built: Any = super().build(request_struct_class)
        if request_struct_class.API_VERSION >= 7:
            built.session_id, built.session_epoch = self._session
            topics: dict[str, list[int]] = {}
            for topic, partition in self._forgotten:
                topics.setdefault(topic, []).append(partition)
            built.forgotten_topics_data = [*topics.items()]
        return built
