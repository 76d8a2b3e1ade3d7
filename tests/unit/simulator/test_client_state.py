"""A client's own state; that it equals fresh snapshots is shown in the projections' contract."""

from schemas.events import Event, GroupAdded
from schemas.values import SYSTEM, AccountSettings
from schemas.views import AccountView, GroupView, StaffState
from simulator.client_state import apply, caught_up

EMPTY = StaffState(
    version=1, id="a", account=AccountView(id="acme", name="Acme", settings=AccountSettings())
)


def group_added(id: str, version: int) -> Event:
    """A group, as a frame shows it: without an audience."""
    return Event(
        id=id, version=version, at=0, actor=SYSTEM, audience=(), data=GroupAdded(name="sales")
    )


def test_an_event_moves_the_state_on() -> None:
    state = apply(EMPTY, group_added("b", 2))
    assert (state.id, state.version) == ("b", 2)
    assert state.groups == (GroupView(id="b", name="sales"),)


def test_an_event_that_came_before_changes_nothing() -> None:
    state = apply(EMPTY, group_added("b", 2))
    assert apply(state, group_added("b", 2)) is state


def test_having_caught_up_the_cursor_goes_on() -> None:
    state = caught_up(EMPTY, "c", 3)
    assert (state.id, state.version, state.groups) == ("c", 3, ())
