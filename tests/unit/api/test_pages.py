import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import decode_cursor, encode_cursor
from api.problems import Problem
from schemas.ids import event_id

IDS = st.builds(
    event_id,
    st.integers(min_value=0, max_value=2**48 - 1),
    st.integers(min_value=0, max_value=2**48 - 1),
)


@given(IDS)
def test_a_cursor_leads_back_to_its_id(id: str) -> None:
    assert decode_cursor("desks:oldest", encode_cursor("desks:oldest", id)) == id


@given(IDS)
def test_a_cursor_is_good_for_its_own_list_alone(id: str) -> None:
    with pytest.raises(Problem) as raised:
        decode_cursor("groups:oldest", encode_cursor("desks:oldest", id))
    assert raised.value.code == "cursor_invalid"


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Problem) as raised:
        decode_cursor("desks", text)
    assert raised.value.code == "cursor_invalid"


def test_no_cursor_means_the_beginning() -> None:
    assert decode_cursor("desks", None) is None
