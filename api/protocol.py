"""uvicorn's HTTP protocol, with limits on what comes before an application is asked at all.

Its parser takes a head of any size, for any time: a few clients could fill the memory, or hold
all the connections.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 65_536
"""Bytes of a request line and headers that have not ended."""

HEAD_WITHIN = 10.0
"""Seconds within which a new connection, or a request that has begun, completes its head."""

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


CONNECTION = "deskstream.connection"
"""Under this name an application finds the BoundedHttp of a request in the scope's extensions."""


class BoundedHttp(HttpToolsProtocol):
    """Ends connections whose head is too large (431) or too slow.

    A stream may write to its `transport` by itself, in HTTP's chunks, while its response is open.
    """

    lost: Exception | None = None
    """What broke the connection, if it was not closed."""

    _head = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there, and its time runs."""
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        if self._in_head and self.parser is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            elif self._deadline is None:
                self._start_clock()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._stop_clock()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_clock()
        self.lost = exc
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
