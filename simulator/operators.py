"""Operators: they take what is offered at their desks, answer, hand over, pause and close."""

import asyncio

from schemas.actions import (
    ActivateOperator,
    CloseChat,
    JoinChat,
    MarkRead,
    PauseOperator,
    PostMessage,
    SetAvailability,
    Transfer,
)
from schemas.events import ConversationOpened, Event, MessagePosted
from schemas.refusals import DeskstreamError
from schemas.values import Availability, Content, FileContent, Target, TextContent
from schemas.views import StaffState
from simulator.client import Client
from simulator.people import Person
from simulator.visitors import find_chat, is_open
from simulator.world import World

REACTION = 3.0
TYPING = 4.0
IDLE = 45.0
"""Seconds without a word from the visitor after which an operator ends a chat."""

PAUSE_EVERY, PAUSE_FOR = 900.0, 60.0
LOOK_EVERY = 10.0
TRANSFERS, NOTES, FILES = 0.03, 0.05, 0.02
"""How likely an operator is to hand over, to note something, or to send a file, at a message."""


class Operator:
    """One operator's shift."""

    def __init__(self, world: World, person: Person, name: str) -> None:
        self.client: Client = world.client(person, name)
        self.id = person.viewer.id
        self._world = world
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._mail: dict[str, asyncio.Queue[Event]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Come in: follow, and say that one is there. Raises OutcomeUnknown or TurnedAway."""
        self.client.listeners.append(self._hear)
        await self.client.start()
        await self.say("online")
        habits = (
            self._world.break_connections(self.client),
            self._look_around(),
            self._pause_now_and_then(),
        )
        self._tasks = [asyncio.create_task(habit) for habit in habits]

    async def say(self, availability: Availability) -> None:
        """Say how reachable one is. Raises OutcomeUnknown or TurnedAway."""
        await self.client.act(SetAvailability(operator=self.id, availability=availability))

    async def end(self) -> None:
        """Go home: take nothing more. Chats that are still one's own are closed."""
        await self.rest()
        try:
            await self.say("offline")
            for chat in self._mine():
                await self.client.act(CloseChat(chat=chat))
        except DeskstreamError as error:
            self._world.measures.counts[f"shifts failed: {type(error).__name__}"] += 1

    async def rest(self) -> None:
        """Do nothing more, and say nothing."""
        tasks = (*self._tasks, *self._serving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what goes on ------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        chat = event.chat
        if chat is None:
            return
        match event.data:
            case ConversationOpened(desk=desk) if desk in self._desks():
                self._serve(chat)
            case MessagePosted() if event.actor.kind == "visitor" and chat in self._mail:
                self._mail[chat].put_nowait(event)
            case _:
                pass

    def _desks(self) -> set[str]:
        state = self.client.state
        assert isinstance(state, StaffState)
        return {desk.id for desk in state.desks if self.id in desk.staff}

    def _mine(self) -> list[str]:
        state = self.client.state
        if not isinstance(state, StaffState):
            return []
        desks = self._desks()
        return [
            chat.id
            for chat in state.chats
            if chat.owner == self.id or (chat.owner is None and chat.desk in desks)
        ]

    def _serve(self, chat: str) -> None:
        if chat not in self._serving:
            self._mail[chat] = asyncio.Queue()
            task = self._serving[chat] = asyncio.create_task(self._serve_to_the_end(chat))
            task.add_done_callback(lambda _: self._forget(chat))

    def _forget(self, chat: str) -> None:
        self._serving.pop(chat, None)
        self._mail.pop(chat, None)

    async def _serve_to_the_end(self, chat: str) -> None:
        try:
            await self._world.think(REACTION)
            view = find_chat(self.client.state, chat)
            if view is None or view.owner not in (None, self.id):
                return
            if view.owner is None:
                joined = await self.client.act(JoinChat(chat=chat))
                if joined.refused is not None:
                    return
            await self._talk(chat)
        except DeskstreamError as error:
            self._world.measures.counts[f"services failed: {type(error).__name__}"] += 1

    async def _talk(self, chat: str) -> None:
        world = self._world
        while True:
            try:
                mail = self._mail[chat].get()
                heard = await asyncio.wait_for(mail, world.within(IDLE))
            except TimeoutError:
                heard = None
            view = find_chat(self.client.state, chat)
            if view is None or view.owner != self.id:
                return
            if heard is None:
                await self.client.act(CloseChat(chat=chat))
                world.measures.counts["chats closed for silence"] += 1
                return
            if world.chance.random() < TRANSFERS and await self._transfer(chat):
                return
            await self._answer(chat, heard)

    async def _answer(self, chat: str, heard: Event) -> None:
        world, chance = self._world, self._world.chance
        assert isinstance(heard.data, MessagePosted)
        said = heard.data.content
        if chance.random() < 0.5:
            await self.client.act(MarkRead(chat=chat, message=heard.id))
        self.client.acting.type(chat)
        await world.think(TYPING)
        text = world.dialogue.reply(chance, said.text if isinstance(said, TextContent) else "")
        content: Content = TextContent(text=text)
        if chance.random() < FILES:
            content = FileContent(name="answer.pdf", src="https://example.org/a.pdf", size=20_480)
        if chance.random() < NOTES:
            note = TextContent(text=f"Note: {text}"[:200])
            await self.client.act(PostMessage(chat=chat, content=note, internal=True))
        if is_open(self.client.state, chat):
            await self.client.act(PostMessage(chat=chat, content=content))

    async def _transfer(self, chat: str) -> bool:
        """Hand a chat over to somebody who is there. Whether it is done."""
        state = self.client.state
        assert isinstance(state, StaffState)
        others = [
            operator.desk
            for operator in state.operators
            if operator.id != self.id and operator.availability == "online" and not operator.paused
        ]
        if not others:
            return False
        desk = self._world.chance.choice(others)
        answer = await self.client.act(Transfer(chat=chat, to=Target(kind="desk", id=desk)))
        self._world.measures.counts["transfers"] += answer.refused is None
        return answer.refused is None

    async def _look_around(self) -> None:
        """Take up what no event told of: chats from before, or from a state that was reset."""
        while True:
            for chat in self._mine():
                self._serve(chat)
            await self._world.sleep(LOOK_EVERY)

    async def _pause_now_and_then(self) -> None:
        world = self._world
        while True:
            await world.think(PAUSE_EVERY)
            try:
                await self.client.act(PauseOperator(operator=self.id))
                await world.think(PAUSE_FOR)
                await self.client.act(ActivateOperator(operator=self.id))
            except DeskstreamError as error:
                world.measures.counts[f"pauses failed: {type(error).__name__}"] += 1
