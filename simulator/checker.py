"""The history checker: from what every client sent, was told and received, and from the log.

The checker believes neither the server nor the domain's code: it keeps its own account of seats,
owners and audiences. It reads the log once, in order; memory is about 60 bytes an event and 200
a decision, so a million fit into half a gigabyte.
"""

import asyncio
from collections.abc import Iterable

from schemas.decisions import Decision
from schemas.events import Event
from schemas.refusals import MalformedRecord
from simulator.answer_check import AnswerCheck
from simulator.faults import Verdict
from simulator.history import ClientHistory, History
from simulator.log_check import LogCheck
from simulator.log_index import LogIndex
from simulator.stream_check import StreamCheck, check_reads, entries_of
from streams.acceptance import Acceptance
from streams.log.port import Log

READ_AT_ONCE = 2_000


class Checker:
    """Takes the log, then looks at the clients. Use: `decision` or `event` …, then `finish`."""

    def __init__(self, history: History) -> None:
        self.verdict = Verdict()
        self._clients = history.clients
        self._log = LogCheck(self.verdict)
        self._answers = AnswerCheck(history.clients, self.verdict)

    def decision(self, decision: Decision, raw: bytes, partition: int = 0) -> None:
        """The next accepted decision of a partition, with its bytes."""
        self._answers.take(decision, partition)
        self._log.decision(decision, raw, partition)

    def event(self, account: str, event: Event) -> None:
        """The next event of an account, where decisions are not at hand (over the API)."""
        self._log.event(account, event)

    def finish(self) -> Verdict:
        """Look at all clients and give the verdict."""
        index = self._log.index
        self._answers.finish(index)
        for clients in _by_viewer(self._clients):
            self._streams(clients, index)
        for client in self._clients:
            if client.comparison is not None:
                self._states(client, *client.comparison)
        self.verdict.checked["clients"] = len(self._clients)
        return self.verdict

    def _streams(self, clients: list[ClientHistory], index: LogIndex) -> None:
        """Clients who may see the same."""
        viewer = clients[0].viewer
        account = index.account(viewer.account)
        visible = account.visible_to(entries_of(viewer))
        for client in clients:
            StreamCheck(client, index, self.verdict, visible).run()
            check_reads(client, account, self.verdict)

    def _states(self, client: ClientHistory, held: str, fresh: str) -> None:
        self.verdict.checked["states"] += 1
        if held != fresh:
            detail = _first_difference(held, fresh)
            self.verdict.report(
                "state_differs", client.name, client.viewer.account, "state", detail
            )


async def check(history: History, log: Log) -> Verdict:
    """Check a run against the log that it ended with. Raises LogError if it cannot be read."""
    checker = Checker(history)
    for partition in range(log.partitions):
        await _read_partition(checker, log, partition)
    return checker.finish()


async def _read_partition(checker: Checker, log: Log, partition: int) -> None:
    acceptance = Acceptance()
    start = 0
    while records := await log.read("events", partition, start, READ_AT_ONCE):
        for offset, value in records:
            try:
                decision = acceptance.read(offset, value)
            except MalformedRecord as error:
                id = f"events/{partition}@{offset}"
                checker.verdict.report("record_unreadable", "", "", id, str(error))
                return
            if decision is not None:
                checker.decision(decision, value, partition)
        start = records[-1].offset + 1
        await asyncio.sleep(0)
    checker.verdict.checked["ignored"] += acceptance.ignored


def _by_viewer(clients: Iterable[ClientHistory]) -> list[list[ClientHistory]]:
    """Clients of one account and one person together."""
    groups: dict[tuple[str, str, str], list[ClientHistory]] = {}
    for client in clients:
        viewer = client.viewer
        groups.setdefault((viewer.account, viewer.kind, viewer.id), []).append(client)
    return list(groups.values())


def _first_difference(held: str, fresh: str) -> str:
    """The two texts around the place from which they differ."""
    same = 0
    for ours, theirs in zip(held, fresh, strict=False):
        if ours != theirs:
            break
        same += 1
    start = max(0, same - 40)
    return f"held …{held[start : same + 60]}… fresh …{fresh[start : same + 60]}…"
