"""The live layer put together."""

from starlette.routing import BaseRoute, Route

from api.live.hub import Hub
from api.live.incoming import Incoming
from api.live.poll import PollEndpoint
from api.live.resume import Resume, ResumeLimits
from api.live.sse import SseEndpoint
from api.live.websocket import WebSocketEndpoint
from projections.store import Projections
from streams.clock import Clock
from streams.feed import EventFeed
from streams.settings import Settings


class Live:
    """Hub and endpoints. The composition feeds `hub` and runs it."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        feed: EventFeed,
        projections: Projections,
        incoming: Incoming,
    ) -> None:
        self.hub = Hub(clock, heartbeat=settings.heartbeat, memory=settings.live_buffer)
        limits = ResumeLimits(missed=settings.resume_limit, streams=settings.max_streams)
        self._resume = Resume(self.hub, feed, projections, limits)
        self.websocket = WebSocketEndpoint(self.hub, self._resume, incoming)

    def routes(self) -> list[BaseRoute]:
        """SSE and long poll. WebSocket upgrades go to `websocket.protocol()`."""
        sse = SseEndpoint(self.hub, self._resume)
        poll = PollEndpoint(self.hub, self._resume)
        return [
            Route("/v1/live/sse", sse, methods=["GET"]),
            Route("/v1/live/poll", poll, methods=["GET"]),
        ]
