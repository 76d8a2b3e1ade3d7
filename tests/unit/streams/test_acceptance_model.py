"""The fence rule against everything that can happen to a partition's log.

Deciders come, crash and go on as zombies; what they write arrives late, twice, in another order,
or never. With both halves of the rule, readers agree, take each action once and in order, and
what they accept was decided from the state that they have. With either half alone, Hypothesis
finds a schedule that breaks this.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas import codec
from schemas.decisions import Decision, EventsRecord, Fence
from schemas.values import SYSTEM
from streams.acceptance import Acceptance

MAX_TERMS = 8

Fate = Literal["arrives", "late", "twice", "lost"]
FATES: list[Fate] = ["arrives", "arrives", "arrives", "arrives", "late", "twice", "lost"]


class Violation(AssertionError):
    """The readers of the log were led astray."""


class FenceAlone(Acceptance):
    """Half of the rule: any source will do."""

    def take(self, offset: int, record: EventsRecord) -> Decision | None:
        if isinstance(record, Decision):
            self.source = record.source - 1
        return super().take(offset, record)


class ContiguityAlone(Acceptance):
    """The other half: any fence will do."""

    def take(self, offset: int, record: EventsRecord) -> Decision | None:
        if isinstance(record, Decision):
            self.fence = record.fence
        return super().take(offset, record)


@dataclass
class Reader:
    """Folds what it accepts; the state is the list of accepted decisions."""

    acceptance: Acceptance
    state: list[Decision] = field(default_factory=list)

    def read(self, log: list[EventsRecord], end: int) -> None:
        for offset in range(self.acceptance.offset, end):
            decision = self.acceptance.take(offset, log[offset])
            if decision is not None:
                self.state.append(decision)


@dataclass
class Term:
    """A decider's term: from a fence on its way to the last decision, if need be as a zombie."""

    number: int
    reader: Reader
    fence: int | None = None

    def decide(self) -> Decision:
        """Decide the next action: what comes out depends on the decider and on its state."""
        assert self.fence is not None
        state = self.reader.state
        decision = Decision(
            account="acme",
            action=f"a{len(state)}",
            actor=SYSTEM,
            at=self.number,
            source=len(state),
            fence=self.fence,
            rules=1,
            prev=digest(state),
            version=0,
        )
        state.append(decision)
        return decision


def digest(state: list[Decision]) -> str:
    """The hash of a state's last decision, and thereby of all."""
    return codec.digest(codec.encode(state[-1])) if state else ""


class FenceModel(RuleBasedStateMachine):
    """One partition: its log, what is on its way there, and who reads and decides."""

    rule_under_test: Callable[[], Acceptance] = Acceptance

    def __init__(self) -> None:
        super().__init__()
        self.log: list[EventsRecord] = []
        self.under_way: list[tuple[EventsRecord, Term]] = []
        self.terms: list[Term] = []
        self.readers = [Reader(self.rule_under_test()) for _ in range(2)]

    @rule(late=st.sampled_from([False, False, False, True]))
    @precondition(lambda self: len(self.terms) < MAX_TERMS)
    def a_term_begins(self, late: bool) -> None:
        """Crashes need no rule of their own: a crashed decider is one that does no more."""
        term = Term(len(self.terms), Reader(self.rule_under_test()))
        self.terms.append(term)
        self._write(Fence(decider=f"d{term.number}", at=0), term, "late" if late else "arrives")

    @rule(
        back=st.sampled_from([0, 0, 0, 1, 2]),
        fates=st.lists(st.sampled_from(FATES), min_size=2, max_size=6),
    )
    @precondition(lambda self: any(term.fence is not None for term in self.terms))
    def a_decider_decides(self, back: int, fates: list[Fate]) -> None:
        """The newest one, or a zombie; `fates`: what becomes of each decision's write."""
        fenced = [term for term in self.terms if term.fence is not None]
        term = fenced[-1 - back % len(fenced)]
        for fate in fates:
            self._write(term.decide(), term, fate)

    @rule(places=st.lists(st.integers(0, 99), min_size=1, max_size=4))
    @precondition(lambda self: self.under_way)
    def late_writes_arrive(self, places: list[int]) -> None:
        """In any order."""
        for place in places[: len(self.under_way)]:
            self._arrive(*self.under_way.pop(place % len(self.under_way)))

    def _write(self, record: EventsRecord, term: Term, fate: Fate) -> None:
        if fate in ("arrives", "twice"):
            self._arrive(record, term)
        if fate in ("late", "twice"):
            self.under_way.append((record, term))

    def _arrive(self, record: EventsRecord, term: Term) -> None:
        self.log.append(record)
        if isinstance(record, Fence) and term.fence is None:
            term.fence = len(self.log) - 1
            term.reader.read(self.log, len(self.log))

    @rule(end=st.integers(0, 99))
    def another_reader_reads_on(self, end: int) -> None:
        self.readers[1].read(self.log, min(end, len(self.log)))

    @rule(back=st.integers(1, 9))
    def another_reader_reads_again(self, back: int) -> None:
        """As after a restart whose position was saved too early."""
        reader = self.readers[1]
        for offset in range(max(0, reader.acceptance.offset - back), reader.acceptance.offset):
            if reader.acceptance.take(offset, self.log[offset]) is not None:
                raise Violation(f"offset {offset} was taken up twice")

    @invariant()
    def each_action_is_taken_once_in_order_and_was_decided_from_the_state(self) -> None:
        reader = self.readers[0]
        known = len(reader.state)
        reader.read(self.log, len(self.log))
        for number, decision in enumerate(reader.state[known:], known):
            if decision.source != number:
                raise Violation(f"action {decision.source} was taken as number {number}")
            if decision.prev != digest(reader.state[:number]):
                raise Violation(f"action {number} was decided from another state")

    @invariant()
    def all_readers_agree(self) -> None:
        first, other = (reader.state for reader in self.readers)
        if other != first[: len(other)]:
            raise Violation("two readers disagree")


class FenceAloneModel(FenceModel):
    rule_under_test = FenceAlone


class ContiguityAloneModel(FenceModel):
    rule_under_test = ContiguityAlone


def run(model: type[FenceModel], examples: int, *phases: Phase) -> None:
    """Search for a schedule that leads readers astray. Raises Violation."""
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def random_schedule(model: FenceModel, seed: int) -> None:
    """A long schedule, drawn without Hypothesis and so a hundred times faster."""
    random = Random(seed)
    model.a_term_begins(late=False)
    for _ in range(30):
        turn = random.random()
        if turn < 0.15 and len(model.terms) < MAX_TERMS:
            model.a_term_begins(late=random.random() < 0.3)
        elif turn < 0.7:
            fates = random.choices(FATES, k=random.randint(1, 5))
            model.a_decider_decides(random.choice((0, 0, 1, 2)), fates)
        elif turn < 0.9:
            model.late_writes_arrive([random.randrange(100) for _ in range(3)])
        elif turn < 0.95:
            model.another_reader_reads_on(random.randrange(100))
        else:
            model.another_reader_reads_again(random.randrange(1, 9))
        model.each_action_is_taken_once_in_order_and_was_decided_from_the_state()
        model.all_readers_agree()


def test_with_both_halves_of_the_rule_nobody_is_led_astray() -> None:
    run(FenceModel, 60, Phase.generate)


def test_in_long_schedules_nobody_is_led_astray_either() -> None:
    accepted = over_terms = 0
    for seed in range(1_000):
        model = FenceModel()
        random_schedule(model, seed)
        state = model.readers[0].state
        accepted += len(state)
        over_terms += len({decision.fence for decision in state}) > 1
    assert accepted > 5_000  # the schedules are no empty ones
    assert over_terms > 500


@pytest.mark.parametrize("model", [FenceAloneModel, ContiguityAloneModel])
def test_with_half_of_the_rule_hypothesis_finds_who_is_led_astray(
    model: type[FenceModel],
) -> None:
    with pytest.raises(Violation):
        run(model, 1_000, Phase.generate)


@pytest.mark.parametrize("model", [FenceAloneModel, ContiguityAloneModel])
def test_with_half_of_the_rule_many_long_schedules_lead_somebody_astray(
    model: type[FenceModel],
) -> None:
    violations = 0
    for seed in range(200):
        try:
            random_schedule(model(), seed)
        except Violation:
            violations += 1
    assert violations > 50
