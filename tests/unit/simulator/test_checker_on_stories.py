"""The checker agrees with the domain on every kind of event, over the log and over the API."""

import msgspec

from schemas import codec
from schemas.events import PasswordSet, TokenIssued, TokenRevoked
from simulator.checker import Checker
from simulator.history import History
from simulator.log_over_api import Audiences, Item
from tests.support.stories import a_day

HIDDEN = (PasswordSet, TokenIssued, TokenRevoked)


def test_a_story_in_which_everything_happens_is_clean() -> None:
    checker = Checker(History())
    for decision in a_day().decisions:
        checker.decision(decision, codec.encode(decision))
    verdict = checker.finish()
    assert verdict.clean, str(verdict)
    assert verdict.checked["events"] > 50


def test_what_the_api_does_not_show_of_an_event_can_be_told_from_the_others() -> None:
    audiences = Audiences()
    for event in (event for decision in a_day().decisions for event in decision.events):
        if isinstance(event.data, HIDDEN):
            assert event.audience == ()
            continue
        item = msgspec.json.decode(codec.encode(event), type=Item)
        assert audiences.complete(item) == event
