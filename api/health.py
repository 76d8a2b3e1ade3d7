"""How the service is: what /readyz and /metrics show."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from api.gateway import Gateway
from api.live.hub import Hub
from api.live.wire import POLL, SSE, WEBSOCKET
from api.services import Check, Measure, Part
from projections.projector import Projector
from projections.store import Projections
from streams.decider import Decider
from streams.feed import EventFeed
from streams.log.sqlite import SqliteLog

MAX_LAG = 10_000
"""Records that the projections may be behind before the service counts as not ready."""


class Vitals(NamedTuple):
    """The parts of a service that are looked at."""

    log: SqliteLog
    deciders: list[Decider]
    projections: Projections
    projector: Projector
    feed: EventFeed
    gateway: Gateway
    hub: Hub


def checks(service: Vitals) -> Mapping[str, Check]:
    """A check for each part of the service."""

    async def log() -> Part:
        failure = service.log.failure
        return Part(failure is None, str(failure or ""))

    async def deciders() -> Part:
        waiting = [n for n, decider in enumerate(service.deciders) if not decider.ready.is_set()]
        return Part(not waiting, f"partitions without a decider: {waiting}" if waiting else "")

    async def projections() -> Part:
        lag = await _lag(service)
        if not service.projector.ready.is_set():
            return Part(False, f"catching up, {lag} records behind")
        return Part(lag <= MAX_LAG, f"{lag} records behind" if lag else "")

    async def live() -> Part:
        return Part(not service.hub.draining, "stopping" if service.hub.draining else "")

    return {"log": log, "deciders": deciders, "projections": projections, "live": live}


async def _lag(service: Vitals) -> int:
    positions = await service.projections.positions()
    lag = 0
    for partition in range(service.log.partitions):
        position = positions.get(partition)
        lag += await service.log.end("events", partition) - (position.offset if position else 0)
    return lag


def measures(service: Vitals) -> Sequence[Measure]:
    """What is counted outside of HTTP."""
    hub, gateway, deciders = service.hub, service.gateway, service.deciders
    counts = {
        "deskstream_decider_terms_total": lambda: sum(d.terms for d in deciders),
        "deskstream_decisions_total": lambda: sum(d.decided for d in deciders),
        "deskstream_refusals_total": lambda: sum(d.refused for d in deciders),
        "deskstream_actions_appended_total": lambda: gateway.submitted,
        "deskstream_records_ignored_total": lambda: service.feed.ignored,
        "deskstream_live_deliveries_total": lambda: hub.fan_out.deliveries,
        "deskstream_live_resumed_total": lambda: hub.resumed,
        "deskstream_live_reset_total": lambda: hub.reset,
        "deskstream_live_dropped_total": lambda: hub.dropped,
    }
    gauges = {
        "deskstream_actions_pending": lambda: gateway.pending,
        "deskstream_log_queued_bytes": lambda: service.log.queued_bytes,
        "deskstream_live_sse_connections": lambda: hub.open[SSE],
        "deskstream_live_websocket_connections": lambda: hub.open[WEBSOCKET],
        "deskstream_live_poll_connections": lambda: hub.open[POLL],
    }
    return [
        *(Measure(name, "counter", HELP[name], read) for name, read in counts.items()),
        *(Measure(name, "gauge", HELP[name], read) for name, read in gauges.items()),
    ]


HELP = {
    "deskstream_decider_terms_total": "Terms that deciders began.",
    "deskstream_decisions_total": "Actions decided.",
    "deskstream_refusals_total": "Actions decided against.",
    "deskstream_actions_appended_total": "Actions appended to the log.",
    "deskstream_records_ignored_total": "Records that the fence rule kept out.",
    "deskstream_live_deliveries_total": "Events written to live connections.",
    "deskstream_live_resumed_total": "Connections that went on from where they were.",
    "deskstream_live_reset_total": "Connections that were given a fresh state.",
    "deskstream_live_dropped_total": "Connections ended because the client did not read.",
    "deskstream_actions_pending": "Actions that await their decision.",
    "deskstream_log_queued_bytes": "Bytes that wait to be written to the log.",
    "deskstream_live_sse_connections": "Open streams of server-sent events.",
    "deskstream_live_websocket_connections": "Open WebSocket connections.",
    "deskstream_live_poll_connections": "Long polls that wait.",
}
