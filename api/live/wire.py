"""Wires: how each transport packs a frame's JSON into bytes."""

from typing import Literal

FrameType = Literal[
    "event", "caught_up", "reset", "denied", "heartbeat", "signal", "ack", "refused", "error"
]


class Wire:
    """Packs frames; what it gives can be joined and sent to any number of clients."""

    def pack(self, type: FrameType, json: bytes, id: str | None = None) -> bytes:
        """One frame; `id` is the cursor that the client is at once it has taken it."""
        raise NotImplementedError


class SseWire(Wire):
    """Server-sent events: `id` (for Last-Event-ID), `event` and `data`."""

    def pack(self, type: FrameType, json: bytes, id: str | None = None) -> bytes:
        """See Wire.pack. JSON has no line breaks, so one `data` line is enough."""
        if id is None:
            return b"event: %b\ndata: %b\n\n" % (type.encode(), json)
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (id.encode(), type.encode(), json)


class WebSocketWire(Wire):
    """One unmasked text message a frame (RFC 6455, section 5.2)."""

    def pack(self, type: FrameType, json: bytes, id: str | None = None) -> bytes:
        """See Wire.pack."""
        size = len(json)
        if size < 126:
            return bytes((0x81, size)) + json
        if size < 65_536:
            return b"\x81\x7e" + size.to_bytes(2) + json
        return b"\x81\x7f" + size.to_bytes(8) + json


class PollWire(Wire):
    """Elements of a JSON array, each with the comma that follows it."""

    def pack(self, type: FrameType, json: bytes, id: str | None = None) -> bytes:
        """See Wire.pack."""
        return json + b","


SSE = SseWire()
WEBSOCKET = WebSocketWire()
POLL = PollWire()
