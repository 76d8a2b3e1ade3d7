"""All together: durable messages at a steady rate with thousands of open connections.

Every connection's frames and answers go into a history that is held against the log at the end.
Usage: `python -m bench.soak [seconds [messages per second [connections]]]`, by default
600 s, 1,000/s and 5,000.
"""

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop
from picows import WSListener, WSMsgType, ws_connect

from bench.server import Running, server
from schemas.actions import PostMessage
from schemas.values import TextContent
from simulator.checker import check
from simulator.frames import Ack, CaughtUp, EventFrame, Heartbeat, decode_frame
from simulator.history import ClientHistory, History
from streams.domain.access import Viewer
from streams.log.sqlite import SqliteLog

DESK_LIMIT = 1_000
AT_ONCE = 40
TICK = 0.01
TEXT = "Is my parcel on its way already? Thank you."


class Guest(WSListener):
    """A connection that writes down what it is sent, and posts when it is asked to."""

    def __init__(self, history: ClientHistory, chat: str) -> None:
        self._history = history
        self._data = PostMessage(chat=chat, content=TextContent(text=TEXT))
        self._action = msgspec.json.encode(self._data)
        self._transport: Any = None
        self._seq = 0
        self._flying: dict[int, tuple[int, float]] = {}
        self.latencies: list[float] = []
        self.version = 0
        self.ready = asyncio.Event()

    def on_ws_connected(self, transport: Any) -> None:
        self._transport = transport
        self._history.opened("ws", None)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        message = decode_frame(frame.get_payload_as_bytes())
        match message:
            case EventFrame():
                self._history.event(message.event, message.prev)
                self.version = message.version
            case Ack():
                place, since = self._flying.pop(message.seq)
                self.latencies.append(time.perf_counter() - since)
                self._history.accepted(place, message.id, message.version, message.action or "")
            case CaughtUp():
                self._history.caught_up(message.id)
                self.ready.set()
            case Heartbeat():
                pass
            case _:
                raise RuntimeError(str(message))

    def on_ws_disconnected(self, transport: Any) -> None:
        self._history.ended("over")

    def post(self, number: int) -> None:
        """Send a message with a key of its own."""
        self._seq += 1
        key = f"soak-{number}"
        self._flying[self._seq] = (self._history.send(key, self._data), time.perf_counter())
        message = b'{"seq":%d,"key":"%b","action":%b}' % (self._seq, key.encode(), self._action)
        self._transport.send(WSMsgType.TEXT, message)

    @property
    def waits(self) -> bool:
        """Whether an answer is outstanding."""
        return bool(self._flying)

    def leave(self) -> None:
        """End the connection."""
        self._history.settled(self.version)
        self._transport.disconnect()


async def arrive(running: Running, history: History, guests: int) -> list[Guest]:
    """Visitors with a chat each, joined by one of enough operators, connected."""
    gate = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=running.url, timeout=60, limits=limits) as http:
        staff = await _staff(http, running, guests // DESK_LIMIT + 1)

        async def one(number: int) -> Guest:
            async with gate:
                made = (await http.post("/v1/visitors", json={"account": "main"})).json()
                mine = {"authorization": f"Bearer {made['token']}"}
                asked = await http.post("/v1/chats", headers=mine, json={})
                chat = asked.json()["id"]
                joined = await http.post(f"/v1/chats/{chat}/join", headers=staff, json={})
                joined.raise_for_status()
                viewer = Viewer(kind="visitor", id=made["visitor"]["id"], account="main")
                guest = Guest(history.client(f"guest {number}", viewer), chat)
                url = f"ws{running.url.removeprefix('http')}/v1/live/ws"
                await ws_connect(
                    lambda: guest,
                    f"{url}?access_token={made['token']}",
                    read_buffer_init_size=2_048,
                )
                return guest

        made = await asyncio.gather(*(one(number) for number in range(guests)))
    for guest in made:
        await guest.ready.wait()
    return made


async def _staff(http: httpx.AsyncClient, running: Running, operators: int) -> dict[str, str]:
    login = {"account": "main", "login": "admin", "password": running.password}
    answer = (await http.post("/v1/login", json=login)).json()
    staff = {"authorization": f"Bearer {answer['token']}"}
    settings = {"desk_limit": DESK_LIMIT, "no_answer_after": 86_400_000}
    (await http.patch("/v1/account", headers=staff, json=settings)).raise_for_status()
    for number in range(operators):
        new = {"name": f"Op {number}", "login": f"op{number}", "password": "a long password"}
        made = await http.post("/v1/operators", headers=staff, json=new)
        path = f"/v1/operators/{made.json()['id']}/availability"
        (await http.put(path, headers=staff, json={"availability": "online"})).raise_for_status()
    return staff


async def talk(running: Running, guests: list[Guest], seconds: float, rate: float) -> int:
    """Messages at a steady rate, spread over the guests; prints how it goes."""
    sent, began, told = 0, time.perf_counter(), 0.0
    while (now := time.perf_counter() - began) < seconds:
        while sent < now * rate:
            guests[sent % len(guests)].post(sent)
            sent += 1
        if now - told >= 30:
            told = now
            print(f"{now:5.0f} s  server {running.usage.memory() / 1e6:6.0f} MB", flush=True)
        await asyncio.sleep(TICK)
    while any(guest.waits for guest in guests):
        await asyncio.sleep(TICK)
    return sent


async def main(seconds: float, rate: float, connections: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    history = History()
    with server() as running:
        before = running.usage.memory()
        guests = await arrive(running, history, connections)
        filled, cpu = running.usage.memory(), running.usage.cpu()
        sent = await talk(running, guests, seconds, rate)
        cpu, after = running.usage.cpu() - cpu, running.usage.memory()
        latencies = sorted(latency for guest in guests for latency in guest.latencies)
        for guest in guests:
            guest.leave()
        data: Path = running.data
        running.stop()
        log = await SqliteLog.open(data / "log", partitions=4)
        verdict = await check(history, log)
        await log.close()
    print(f"{sent:,} messages at {sent / seconds:,.0f}/s over {connections:,} connections")
    for name, place in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        print(f"{name:6} {latencies[int(len(latencies) * place)] * 1e3:8.2f} ms")
    print(f"server {cpu / seconds:.0%} of a core; {before / 1e6:.0f} MB at its start, ", end="")
    print(f"{filled / 1e6:.0f} with all connected, {after / 1e6:.0f} at the end")
    print(f"checker: {verdict}")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    uvloop.run(main(*given, *(600, 1_000, 5_000)[len(given) :]))
