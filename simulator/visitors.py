"""Visitors: they arrive, ask, wait, talk and leave, some of them for want of patience."""

import asyncio

from schemas.actions import CloseChat, MarkRead, PostMessage, RequestChat
from schemas.events import Event, MessagePosted
from schemas.refusals import DeskstreamError
from schemas.values import TextContent
from schemas.views import ChatView
from simulator.client import Client, State
from simulator.dialogue import Script
from simulator.people import become_visitor
from simulator.world import World

PATIENCE = 90.0
"""Mean seconds that a visitor waits for somebody to come."""

REPLY_WITHIN = 60.0
"""Seconds that a visitor waits for a reply before going on."""

TYPING = 3.0
THINKING = 2.0
LINES = (4, 12)


class Visitor:
    """One visit."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number
        self._name = f"visitor {number}"
        self._replies: asyncio.Queue[Event] = asyncio.Queue()

    async def visit(self) -> None:
        """The whole visit. What goes wrong ends it and is counted."""
        world = self._world
        counts = world.measures.counts
        counts["visitors"] += 1
        try:
            named = world.chance.random() < 0.5
            servers = world.servers_for(self._number)
            person = await become_visitor(
                servers, world.account, self._name.title() if named else None
            )
            client = world.client(person, self._name)
            client.listeners.append(self._hear)
            await client.start()
        except (DeskstreamError, TimeoutError) as error:
            counts[f"visits failed: {type(error).__name__}"] += 1
            return
        breaking = asyncio.create_task(world.break_connections(client))
        try:
            await self._stay(client)
        except DeskstreamError as error:
            counts[f"visits failed: {type(error).__name__}"] += 1
        finally:
            breaking.cancel()
            await client.stop()

    async def _stay(self, client: Client) -> None:
        world = self._world
        clock = asyncio.get_running_loop().time
        asked = clock()
        answer = await client.act(RequestChat(visitor=client.history.viewer.id))
        if answer.refused is not None or not answer.id:
            world.measures.counts["visitors refused"] += 1
            return
        chat = answer.id
        patience = world.within(world.chance.expovariate(1 / PATIENCE) + 5)
        if not await client.until(lambda state: is_joined(state, chat), patience):
            await client.act(CloseChat(chat=chat))
            world.measures.counts["visitors out of patience"] += 1
            return
        world.measures.waited.add(clock() - asked)
        world.measures.counts["chats"] += 1
        await self._talk(client, chat)
        if world.chance.random() < 0.3:
            await client.messages(chat)
        if world.chance.random() < 0.6 and is_open(client.state, chat):
            await client.act(CloseChat(chat=chat))

    async def _talk(self, client: Client, chat: str) -> None:
        world = self._world
        script: Script = world.dialogue.draw(world.chance, world.chance.randint(*LINES))
        for line in script.lines[::2]:
            client.acting.type(chat)
            await world.think(TYPING)
            if not is_open(client.state, chat):
                return
            answer = await client.act(PostMessage(chat=chat, content=TextContent(text=line)))
            if answer.refused is not None:
                return
            await self._listen(client, chat)
            await world.think(THINKING)

    async def _listen(self, client: Client, chat: str) -> None:
        """Wait for a reply, and read it, mostly."""
        try:
            timeout = self._world.within(REPLY_WITHIN)
            reply = await asyncio.wait_for(self._replies.get(), timeout)
        except TimeoutError:
            self._world.measures.counts["replies missed"] += 1
            return
        if self._world.chance.random() < 0.7 and is_open(client.state, chat):
            await client.act(MarkRead(chat=chat, message=reply.id))

    def _hear(self, event: Event) -> None:
        if isinstance(event.data, MessagePosted) and event.actor.kind != "visitor":
            self._replies.put_nowait(event)


def find_chat(state: State | None, chat: str) -> ChatView | None:
    """An open chat in a client's state."""
    if state is None:
        return None
    return next((view for view in state.chats if view.id == chat), None)


def is_open(state: State | None, chat: str) -> bool:
    """Whether a chat is open, as far as a client knows."""
    return find_chat(state, chat) is not None


def is_joined(state: State, chat: str) -> bool:
    """Whether somebody has come, or the chat is over."""
    view = find_chat(state, chat)
    return view is None or view.owner is not None
