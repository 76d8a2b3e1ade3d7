"""Server-sent events, read as they come (WHATWG HTML, section 9.2.6)."""

from collections.abc import Iterator
from typing import NamedTuple


class ServerSentEvent(NamedTuple):
    """One event. `id` is None where the event has none."""

    type: str
    data: str
    id: str | None = None


class SseParser:
    """Bytes in, events out. Lines end in LF or CRLF, as Deskstream's do."""

    def __init__(self) -> None:
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that end within what has come so far. Take them all."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode()
            if text:
                self._line(text)
            elif (event := self._take()) is not None:
                yield event

    def _line(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._type = value
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case _:
                pass

    def _take(self) -> ServerSentEvent | None:
        event = None
        if self._data:
            event = ServerSentEvent(self._type or "message", "\n".join(self._data), self._id)
        self._type, self._data, self._id = "", [], None
        return event
