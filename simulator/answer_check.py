"""Checks what clients were told about their actions against the decisions on the log."""

from collections.abc import Iterable

from schemas.decisions import Answer, Decision
from schemas.events import MessagePosted
from simulator import fingerprint
from simulator.faults import Verdict
from simulator.history import ClientHistory
from simulator.log_index import NOWHERE, LogIndex, version_in

BEFORE_THE_LOG = frozenset({"not_allowed", "malformed", "account_unknown", "record_too_large"})
"""Refusals that the API may give itself, without a decision."""

NOT_TOLD = ""
"""The id in an answer that does not say it: HTTP shows the changed thing instead."""

_Actor = tuple[str, str, str]


class AnswerCheck:
    """Meets every decision once, then tells which answers no decision stands behind."""

    def __init__(self, histories: Iterable[ClientHistory], verdict: Verdict) -> None:
        self._verdict = verdict
        self._clients: dict[_Actor, list[tuple[ClientHistory, bytearray]]] = {}
        self._decided: set[int] = set()
        """Fingerprints of the (account, actor, key) and (partition, action) decided so far."""
        for history in histories:
            viewer = history.viewer
            actor = (viewer.account, viewer.kind, viewer.id)
            met = bytearray(len(history.sent))
            self._clients.setdefault(actor, []).append((history, met))

    def take(self, decision: Decision, partition: int) -> None:
        """The next accepted decision of a partition."""
        actor = (decision.account, decision.actor.kind, decision.actor.id)
        place = None
        for history, met in self._clients.get(actor, ()):
            place = history.place_of(decision.key, decision.action)
            if place is not None:
                met[place] = 1
                self._compare(history, place, decision)
                break
        if decision.repeats is None:
            client = history.name if place is not None else ""
            self._count(decision, client, partition)

    def finish(self, log: LogIndex) -> None:
        """All decisions have been met."""
        for clients in self._clients.values():
            for history, met in clients:
                for place, answers in history.answers.items():
                    if not met[place]:
                        self._unmet(history, place, answers, log)
                    self._verdict.checked["answers"] += len(answers)
                self._verdict.checked["actions"] += len(history.sent)

    # --- one decision ------------------------------------------------------------------

    def _compare(self, history: ClientHistory, place: int, decision: Decision) -> None:
        answer = decision.answer
        code = "answer_false" if decision.repeats is None else "repeat_false"
        for told in history.answers.get(place, ()):
            difference = _difference(told, answer)
            if difference:
                self._report(code, history, place, difference)
        if not decision.events:
            return
        data = decision.events[0].data
        mark = history.sent[place].mark
        if mark != fingerprint.UNKNOWN and isinstance(data, MessagePosted):
            decided = fingerprint.of_message(decision.events[0].chat, data.content, data.internal)
            if decided != mark:
                self._report("action_altered", history, place, f"event {answer.id}")

    def _count(self, decision: Decision, client: str, partition: int) -> None:
        account, actor = decision.account, decision.actor
        marks = {fingerprint.of_words("action", str(partition), decision.action)}
        if decision.key is not None:
            marks.add(fingerprint.of_words("key", account, actor.kind, actor.id, decision.key))
        if not marks.isdisjoint(self._decided):
            name = decision.key or decision.action
            detail = f"action {decision.action} at source {decision.source}"
            self._verdict.report("applied_twice", client, decision.account, name, detail)
        self._decided |= marks

    # --- answers without a decision ----------------------------------------------------

    def _unmet(
        self, history: ClientHistory, place: int, answers: list[Answer], log: LogIndex
    ) -> None:
        key = history.sent[place].key
        index = log.account(history.viewer.account)
        for answer in answers:
            if index.partial and not answer.id:
                continue
            if answer.refused is not None:
                lost = key is not None and answer.refused.code not in BEFORE_THE_LOG
                detail = f"refused ({answer.refused.code}), but never decided"
            elif not answer.id:
                lost, detail = key is not None, "answered, but never decided"
            elif key is not None and not index.partial:
                lost, detail = True, f"answered with event {answer.id}, but never decided"
            else:
                lost = not index.knows(answer.id)
                detail = f"answered with event {answer.id}, which is not on the log"
            if lost:
                self._report("action_lost", history, place, detail)
                return
            if answer.id and answer.version < version_in(answer.id):
                self._report("answer_false", history, place, f"version {answer.version}")

    def _report(self, code: str, history: ClientHistory, place: int, detail: str) -> None:
        sent = history.sent[place]
        name = sent.key or f"action {place}"
        self._verdict.report(
            code, history.name, history.viewer.account, name, f"{sent.type}: {detail}"
        )


def _difference(told: Answer, decided: Answer) -> str:
    """In words, how an answer differs from the decision's; empty if it does not."""
    refused = told.refused.code if told.refused else None
    truly = decided.refused.code if decided.refused else None
    if refused != truly:
        return f"told refusal {refused}, decided {truly}"
    if told.id not in (NOT_TOLD, decided.id):
        return f"told id {told.id}, decided {decided.id}"
    if told.version not in (NOWHERE, decided.version):
        return f"told version {told.version}, decided {decided.version}"
    return ""
