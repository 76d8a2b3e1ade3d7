"""Event ids and action ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import EVENT_ID_LENGTH, ActionIds, event_id, parse_event_id

numbers = st.integers(0, 2**48 - 1)
pairs = st.tuples(numbers, numbers)


@given(pairs)
def test_an_event_id_gives_back_its_time_and_version(pair: tuple[int, int]) -> None:
    text = event_id(*pair)
    assert parse_event_id(text) == pair
    assert len(text) == EVENT_ID_LENGTH
    assert set(text) <= set("0123456789abcdefghijklmnopqrstuv")


@given(pairs, pairs)
def test_event_ids_sort_as_text_as_their_times_and_versions_do(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert (event_id(*one) < event_id(*other)) == (one < other)


def test_the_form_of_event_ids_is_fixed() -> None:
    assert event_id(0, 0) == "0" * 20
    assert event_id(2**48 - 1, 2**48 - 1) == "v" * 19 + "g"
    assert event_id(1_700_000_000_000, 1) == "065svpb800000000000g"


@pytest.mark.parametrize("pair", [(-1, 0), (0, -1), (2**48, 0), (0, 2**48)])
def test_what_does_not_fit_has_no_event_id(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no event id"):
        event_id(*pair)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 19,
        "0" * 21,
        "0" * 19 + "w",
        "0" * 19 + "V",
        "0" * 19 + "1",
        "0" * 18 + "_0",
        " " + "0" * 19,
        "-" + "0" * 19,
        "\N{ARABIC-INDIC DIGIT ZERO}" * 20,
    ],
)
def test_what_is_no_event_id_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="not an event id"):
        parse_event_id(text)


@given(st.text(alphabet="0123456789abcdefghijklmnopqrstuv", min_size=20, max_size=20))
def test_a_text_that_is_an_event_id_is_the_id_of_what_it_gives(text: str) -> None:
    try:
        pair = parse_event_id(text)
    except ValueError:
        assert text[-1] not in "0g"
    else:
        assert event_id(*pair) == text


def test_action_ids_are_counted_behind_a_prefix() -> None:
    ids = ActionIds("a")
    assert [ids.next() for _ in range(17)][-3:] == ["a-f", "a-10", "a-11"]


def test_two_sources_of_action_ids_never_give_the_same() -> None:
    one, other = ActionIds(), ActionIds()
    assert not {one.next() for _ in range(100)} & {other.next() for _ in range(100)}
