"""Checks the log by itself, and makes the index that the clients' streams are held against."""

from schemas import codec
from schemas.decisions import Decision
from schemas.events import Event
from schemas.ids import parse_event_id
from simulator.faults import Verdict
from simulator.invariants import Invariants
from simulator.log_index import AccountIndex, LogIndex


class LogCheck:
    """Takes the log in order: decisions with their bytes, or events alone."""

    def __init__(self, verdict: Verdict) -> None:
        self.index = LogIndex()
        self._verdict = verdict
        self._chains: dict[str | int, str] = {}
        """The last decision's hash, by account, and by partition for what belongs to none."""
        self._rules: dict[str, Invariants] = {}

    def decision(self, decision: Decision, raw: bytes, partition: int) -> None:
        """The next accepted decision of a partition, with its bytes as they stand there.

        A decision for an account that does not exist yet follows the partition's own chain; the
        one that makes the account begins the account's.
        """
        account = decision.account
        index = self.index.account(account)
        chain: str | int = account if index.last_version else partition
        if decision.prev != self._chains.get(chain, ""):
            self._report("chain_broken", account, decision.action, f"source {decision.source}")
        for event in decision.events:
            self._event(index, event)
        self._chains[account if index.last_version else partition] = codec.digest(raw)
        if decision.repeats is None and decision.version != index.last_version:
            detail = f"decision says {decision.version}, its events {index.last_version}"
            self._report("version_hole", account, decision.action, detail)
        self._verdict.checked["decisions"] += 1

    def event(self, account: str, event: Event) -> None:
        """The next event of an account, where only what a client may see is known."""
        self._event(self.index.account(account, partial=True), event)

    def _event(self, index: AccountIndex, event: Event) -> None:
        account = index.account
        if event.version <= index.last_version or (
            not index.partial and event.version != index.last_version + 1
        ):
            detail = f"version {event.version} follows {index.last_version}"
            self._report("version_hole", account, event.id, detail)
        if not _follows(event, index.last_id):
            self._report("id_disorder", account, event.id, f"after {index.last_id}")
        rules = self._rules.get(account)
        if rules is None:
            rules = self._rules[account] = Invariants(account, self._verdict)
        rules.take(event)
        index.add(event)
        self._verdict.checked["events"] += 1

    def _report(self, code: str, account: str, id: str, detail: str) -> None:
        self._verdict.report(code, "", account, id, detail)


def _follows(event: Event, last: str) -> bool:
    """Whether an event's id carries its version and time, and sorts after the last one."""
    try:
        milliseconds, version = parse_event_id(event.id)
    except ValueError:
        return False
    return version == event.version and milliseconds == event.at and event.id > last
