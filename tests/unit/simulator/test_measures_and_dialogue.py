"""Small parts of the simulator: measures, back-off, dialogue and the parser of streams."""

import random

import pytest

from simulator.backoff import Backoff
from simulator.dialogue import Dialogue, NoDialogue, languages
from simulator.measures import Distribution, Measures
from simulator.sse import ServerSentEvent, SseParser


def test_percentiles_are_right_to_five_percent() -> None:
    times = Distribution()
    for milliseconds in range(1, 1001):
        times.add(milliseconds / 1000)
    assert times.percentile(0.5) == pytest.approx(0.5, rel=0.05)
    assert times.percentile(0.99) == pytest.approx(0.99, rel=0.05)
    assert times.longest == 1.0
    assert str(times).endswith("ms, longest 1.0 s (1,000)")


def test_a_distribution_of_nothing_says_so() -> None:
    assert str(Distribution()) == "none"
    assert Distribution().percentile(0.5) == 0.0


def test_a_delivery_counts_whether_it_or_the_answer_comes_first() -> None:
    measures = Measures()
    measures.post("m1", at=1.0)
    measures.arrive("m1", at=1.2)
    measures.arrive("m2", at=2.1)
    measures.arrive("m2", at=2.2)
    measures.post("m2", at=2.0)
    assert measures.delivered.count == 3


def test_waiting_doubles_up_to_its_limit_and_begins_again_when_it_worked() -> None:
    backoff = Backoff(random.Random(1), first=1.0, limit=4.0)
    waits = [backoff.next() for _ in range(5)]
    for wait, span in zip(waits, (1, 2, 4, 4, 4), strict=True):
        assert span / 2 <= wait <= span
    backoff.reset()
    assert backoff.next() <= 1.0


def test_dialogue_comes_from_the_corpus_in_many_languages() -> None:
    assert {"english", "german", "japanese", "spanish"} <= set(languages())
    dialogue = Dialogue(["german", "japanese"])
    chance = random.Random(7)
    drawn = [dialogue.draw(chance, 6) for _ in range(20)]
    assert {script.language for script in drawn} == {"german", "japanese"}
    assert all(len(script.lines) == 6 and all(script.lines) for script in drawn)


def test_a_reply_is_what_the_corpus_says_to_a_line() -> None:
    dialogue = Dialogue(["german"])
    assert dialogue.reply(random.Random(1), "Was ist dein Lieblingsbuch?") == "Ich kann nicht lesen"
    assert dialogue.reply(random.Random(1), "Nobody ever said this.")


def test_a_language_that_the_corpus_does_not_have_is_named() -> None:
    with pytest.raises(NoDialogue, match=r"klingon.*english"):
        Dialogue(["klingon"])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_parsed_however_it_is_cut(size: int) -> None:
    text = (
        ": welcome\n\nid: a1\nevent: event\ndata: {1}\n\n"
        "event: heartbeat\r\ndata: {2}\r\n\r\ndata:ü\ndata: more\n\nid: lost\n\ndata: unfinished\n"
    ).encode()
    parser = SseParser()
    found = [
        event
        for start in range(0, len(text), size)
        for event in parser.feed(text[start : start + size])
    ]
    assert found == [
        ServerSentEvent("event", "{1}", "a1"),
        ServerSentEvent("heartbeat", "{2}"),
        ServerSentEvent("message", "ü\nmore"),
    ]
