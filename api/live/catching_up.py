"""Catching up from memory: what many miss alike is put together once."""

from collections import OrderedDict

from api.live.channel import Channel
from api.live.session import Session, chain
from api.live.wire import Wire

CAPACITY = 16 << 20
"""Bytes of catch-ups remembered, for the many who come back at once."""

_OVERHEAD = 500
"""Bytes that one takes besides its frames."""

_Key = tuple[str, int, str, str, Wire]


class CatchUps:
    """Remembers the latest ones; the one used least recently is forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._size = 0
        self._known: OrderedDict[_Key, tuple[bytes, str]] = OrderedDict()

    def catch_up(self, channel: Channel, session: Session) -> bytes:
        """All that the session missed, which it counts as sent; its version is in memory."""
        if session.version >= channel.version:
            return b""
        shared = session.kind if not channel.personal else ",".join(session.audience)
        key = (channel.account, channel.version, shared, session.cursor, session.wire)
        found = self._known.get(key)
        if found is None:
            found = chain(
                channel.after(session.version),
                session.cursor,
                session.wire,
                lambda event: session.sees(event.audience),
            )
            self._remember(key, found)
        else:
            self._known.move_to_end(key)
        block, cursor = found
        session.begin_at(cursor, channel.version)
        return block

    def _remember(self, key: _Key, found: tuple[bytes, str]) -> None:
        self._known[key] = found
        self._size += _OVERHEAD + len(found[0])
        while self._size > self._capacity:
            _, (block, _) = self._known.popitem(last=False)
            self._size -= _OVERHEAD + len(block)
