"""Answering: requests and live connections, by what the log and the rows say."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from api.app import Application, create_app
from api.auth.authenticator import Authenticator
from api.auth.passwords import Passwords
from api.auth.token_directory import TokenDirectory
from api.auth.visitor_tokens import VisitorTokens
from api.door import Door
from api.gateway import Gateway
from api.keys import key_of
from api.live.incoming import Incoming
from api.live.live import Live
from api.live.wire import POLL, SSE, WEBSOCKET
from api.services import Check, Measure, Part, Services
from projections.projector import Projector
from projections.store import Projections
from streams.clock import Clock
from streams.feed import EventFeed, follow_signals
from streams.log.port import Log
from streams.settings import Settings


class Answering:
    """The gateway, the live connections and who may use them."""

    def __init__(self, settings: Settings, clock: Clock, log: Log, rows: Projections) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._rows = rows
        self.passwords = Passwords()
        self.platform_token = key_of(settings.platform_token, settings.data / "platform.token")
        self.gateway = Gateway(
            log, clock, timeout=settings.answer_timeout, max_pending=settings.max_pending
        )
        self._tokens = TokenDirectory(rows, clock)
        self._authenticator = self._authentication()
        self._door = Door(self._authenticator, settings)
        self._feed = EventFeed(log)
        incoming = Incoming(self.gateway, rows, self._door, settings.max_body)
        self.live = Live(settings, clock, self._feed, rows, incoming)
        # In this order: whoever is answered finds that the caches know of it already.
        for subscriber in (self._tokens.decided, self.live.hub.decided, self.gateway.decided):
            self._feed.subscribe(subscriber)

    def _authentication(self) -> Authenticator:
        secret = key_of(self._settings.secret, self._settings.data / "secret.key")
        visitors = VisitorTokens(secret, self._clock, self._settings.visitor_token_hours)
        return Authenticator(self._tokens, visitors, self.platform_token)

    def application(
        self,
        projector: Projector | None,
        checks: Mapping[str, Check],
        measures: Sequence[Measure],
    ) -> Application:
        """The HTTP API; `projector` if it works in this process."""
        return create_app(
            Services(
                settings=self._settings,
                clock=self._clock,
                gateway=self.gateway,
                projections=self._rows,
                projector=projector,
                authenticator=self._authenticator,
                door=self._door,
                passwords=self.passwords,
                live_routes=self.live.routes(),
                checks=checks,
                measures=measures,
            )
        )

    @property
    def checks(self) -> Mapping[str, Check]:
        """See Role.checks."""

        async def live() -> Part:
            draining = self.live.hub.draining
            return Part(not draining, "stopping" if draining else "")

        return {"live": live}

    @property
    def measures(self) -> Sequence[Measure]:
        """See Role.measures."""
        hub, gateway, feed = self.live.hub, self.gateway, self._feed
        counts = {
            "deskstream_actions_appended_total": lambda: gateway.submitted,
            "deskstream_records_ignored_total": lambda: feed.ignored,
            "deskstream_live_deliveries_total": lambda: hub.fan_out.deliveries,
            "deskstream_live_resumed_total": lambda: hub.resumed,
            "deskstream_live_reset_total": lambda: hub.reset,
            "deskstream_live_dropped_total": lambda: hub.dropped,
        }
        gauges = {
            "deskstream_actions_pending": lambda: gateway.pending,
            "deskstream_live_sse_connections": lambda: hub.open[SSE],
            "deskstream_live_websocket_connections": lambda: hub.open[WEBSOCKET],
            "deskstream_live_poll_connections": lambda: hub.open[POLL],
        }
        return [
            *(Measure(name, "counter", HELP[name], read) for name, read in counts.items()),
            *(Measure(name, "gauge", HELP[name], read) for name, read in gauges.items()),
        ]

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """See Role.works."""
        starts = await self._rows.positions()
        partitions = range(self._log.partitions)
        hub = self.live.hub
        return [
            *(self._feed.run(partition, starts.get(partition)) for partition in partitions),
            *(follow_signals(self._log, partition, hub.signal) for partition in partitions),
            self.gateway.run(),
            hub.run(),
            self._rows.follow(),
        ]

    async def ready(self) -> None:
        """See Role.ready."""

    async def leave(self) -> None:
        """See Role.leave: the server has ended the connections, and clients go elsewhere."""

    async def close(self) -> None:
        """See Role.close."""
        self.passwords.close()


HELP = {
    "deskstream_actions_appended_total": "Actions appended to the log.",
    "deskstream_records_ignored_total": "Records that the fence rule kept from live clients.",
    "deskstream_live_deliveries_total": "Events written to live connections.",
    "deskstream_live_resumed_total": "Connections that went on from where they were.",
    "deskstream_live_reset_total": "Connections that were given a fresh state.",
    "deskstream_live_dropped_total": "Connections ended because the client did not read.",
    "deskstream_actions_pending": "Actions that await their decision.",
    "deskstream_live_sse_connections": "Open streams of server-sent events.",
    "deskstream_live_websocket_connections": "Open WebSocket connections.",
    "deskstream_live_poll_connections": "Long polls that wait.",
}
