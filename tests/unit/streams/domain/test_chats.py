"""Chats from the request to the close."""

import pytest

from schemas import actions as a
from schemas import events as e
from schemas.ids import event_id
from schemas.values import FileContent, ImageContent, ParticipantRole, TextContent
from streams.domain.routing import positions
from tests.support.domain import (
    START,
    Act,
    account,
    chat_joined,
    chat_left,
    chat_queued,
    chat_request,
    close_chat,
    conversation_closed,
    conversation_opened,
    desk,
    event,
    given,
    group,
    join_chat,
    leave_chat,
    mark_read,
    offered_chat,
    open_chat,
    operator,
    pause,
    post_message,
    request_chat,
    transfer,
    visitor,
)

TEAM = (
    operator("ben"),
    operator("sue", "supervisor"),
    operator("adam", "admin"),
    operator("otto", "auditor"),
)


# --- request -------------------------------------------------------------------------------


def test_a_requested_chat_is_offered_at_once_for_as_long_as_the_account_says() -> None:
    then = given(account(no_answer_after=30_000), operator("ana"), visitor("vic")).when(
        request_chat("vic", named="c1")
    )
    then.then(
        event(e.ChatRequested, "c1", visitor="vic", to=None),
        conversation_opened("c1", desk="ana's desk", offered_until=then.decision.at + 30_000),
    )
    requested, opened = then.decision.events
    assert then.decision.answer.id == requested.id == requested.chat
    assert (requested.conversation, opened.conversation) == (None, opened.id)
    audience = ("staff", f"visitor:{then.world.id('vic')}")
    assert requested.audience == opened.audience == audience


def test_with_nobody_there_a_chat_waits() -> None:
    then = given(visitor("vic")).when(request_chat("vic", named="c1"))
    then.then(event(e.ChatRequested), chat_queued("c1", group=None, desk=None))
    assert positions(then.account, then.world.id("c1")) == 1


def test_a_group_a_desk_and_an_operator_can_be_asked_for() -> None:
    people = (
        desk("sales", staff=("ana",), groups=("g",)),
        operator("ben"),
        operator("zoe", availability="away"),
        visitor("vic"),
    )
    requested = event(e.ChatRequested)
    given(*people).when(request_chat("vic", to_group="g")).then(
        requested, conversation_opened(desk="sales")
    )
    given(*people).when(request_chat("vic", to_desk="sales")).then(
        requested, conversation_opened(desk="sales")
    )
    given(*people).when(request_chat("vic", to_operator="ben")).then(
        requested, conversation_opened(desk="ben's desk")
    )
    given(*people).when(request_chat("vic", to_operator="zoe")).then(
        requested, chat_queued(desk="zoe's desk", group=None)
    )
    given(*people, group("h")).when(request_chat("vic", to_group="h")).then(
        requested, chat_queued(group="h", desk=None)
    )


def test_only_what_exists_can_be_asked_for() -> None:
    vic = visitor("vic")
    given(vic).when(request_chat("vic", to_group="no")).then_refused("group_unknown")
    given(vic).when(request_chat("vic", to_desk="no")).then_refused("desk_unknown")
    given(vic).when(request_chat("vic", to_operator="no")).then_refused("operator_unknown")


def test_a_visitor_asks_for_nobody_else() -> None:
    given(visitor("vic"), visitor("eve")).when(request_chat("vic", by="eve")).then_refused(
        "not_allowed"
    )
    given(visitor("vic"), operator("ana")).when(request_chat("vic", by="ana")).then_refused(
        "not_allowed"
    )


def test_the_system_asks_for_a_visitor() -> None:
    given(visitor("vic")).when(request_chat("vic", by="system")).then(
        event(e.ChatRequested), chat_queued()
    )
    given().when(request_chat("nobody", by="system")).then_refused("visitor_unknown")


def test_a_visitor_has_one_open_chat() -> None:
    given(visitor("vic"), request_chat("vic")).when(request_chat("vic")).then_refused("chat_open")
    given(visitor("vic"), request_chat("vic", named="c1"), close_chat("c1", by="vic")).when(
        request_chat("vic")
    ).then(event(e.ChatRequested), chat_queued())


def test_a_full_queue_takes_no_request_but_a_free_desk_does() -> None:
    full = (account(queue_limit=1), chat_request("c1"), visitor("vic"))
    given(*full).when(request_chat("vic")).then_refused("queue_full")
    given(account(queue_limit=0), operator("ana"), visitor("vic")).when(request_chat("vic")).then(
        event(e.ChatRequested), conversation_opened()
    )


# --- join ----------------------------------------------------------------------------------


def test_who_staffs_the_desk_takes_the_offered_chat() -> None:
    then = given(offered_chat("c1", desk="sales")).when(join_chat("c1", by="ana"))
    then.then(chat_joined("c1", operator="ana", role="owner"))
    chat = then.account.chats[then.world.id("c1")]
    assert then.decision.events[0].conversation == chat.conversation


def test_another_agent_does_not_take_an_offered_chat_but_a_supervisor_does() -> None:
    offered = (*TEAM, offered_chat("c1", desk="sales"))
    given(*offered).when(join_chat("c1", by="ben")).then_refused("desk_not_staffed")
    then = given(*offered).when(join_chat("c1", by="sue")).then(chat_joined(operator="sue"))
    assert then.account.desks[then.world.id("sales")].load == 1


def test_a_waiting_chat_is_taken_by_hand_at_a_free_seat() -> None:
    waiting = (account(routing="manual"), desk("sales", staff=("ana",)), chat_request("c1"))
    given(*waiting).when(join_chat("c1", by="ana")).then(
        conversation_opened("c1", desk="ana's desk", offered_until=None),
        chat_joined("c1", operator="ana", role="owner"),
    )
    then = given(*waiting).when(join_chat("c1", by="ana", desk="sales"))
    then.then(conversation_opened("c1", desk="sales"), chat_joined("c1"))
    opened, joined = then.decision.events
    assert joined.conversation == opened.id
    assert then.account.queues == {}


def test_a_paused_operator_may_take_a_chat_by_hand() -> None:
    given(operator("ana"), pause("ana"), chat_request("c1")).when(join_chat("c1", by="ana")).then(
        conversation_opened(), chat_joined()
    )


def test_a_waiting_chat_is_taken_only_at_ones_own_free_desk() -> None:
    waiting = (account(routing="manual"), operator("ana", limit=0), *TEAM, chat_request("c1"))
    given(*waiting).when(join_chat("c1", by="ana")).then_refused("desk_full")
    given(*waiting, desk("sales")).when(join_chat("c1", by="ana", desk="sales")).then_refused(
        "desk_not_staffed"
    )
    given(*waiting).when(join_chat("c1", by="ana", desk="nowhere")).then_refused("desk_unknown")


def test_a_chat_has_one_owner() -> None:
    given(*TEAM, open_chat("c1", desk="sales")).when(join_chat("c1", by="adam")).then_refused(
        "chat_taken"
    )


def test_others_come_in_beside_the_owner() -> None:
    active = (*TEAM, open_chat("c1", desk="sales"))
    given(*active).when(join_chat("c1", by="ben", role="participant")).then(
        chat_joined("c1", operator="ben", role="participant")
    )
    given(*active).when(join_chat("c1", by="sue", role="observer")).then(
        chat_joined("c1", operator="sue", role="observer")
    )


def test_agents_do_not_observe_and_auditors_do_not_join() -> None:
    active = (*TEAM, open_chat("c1", desk="sales"))
    given(*active).when(join_chat("c1", by="ben", role="observer")).then_refused("not_allowed")
    given(*active).when(join_chat("c1", by="otto", role="observer")).then_refused("not_allowed")
    given(*active).when(join_chat("c1", by="system")).then_refused("not_allowed")


def test_nobody_comes_in_beside_an_owner_who_is_not_there() -> None:
    given(*TEAM, offered_chat("c1", desk="sales")).when(
        join_chat("c1", by="ben", role="participant")
    ).then_refused("not_allowed")


@pytest.mark.parametrize("role", ["owner", "participant"])
def test_nobody_comes_in_twice(role: ParticipantRole) -> None:
    active = (*TEAM, open_chat("c1", desk="sales"), join_chat("c1", by="ben", role="participant"))
    given(*active).when(join_chat("c1", by="ana", role=role)).then_refused("already_in_chat")
    given(*active).when(join_chat("c1", by="ben", role=role)).then_refused("already_in_chat")


# --- leave ---------------------------------------------------------------------------------


def test_a_participant_leaves_and_an_owner_stays() -> None:
    active = (*TEAM, open_chat("c1", desk="sales"), join_chat("c1", by="ben", role="participant"))
    given(*active).when(leave_chat("c1", by="ben")).then(chat_left("c1", operator="ben"))
    given(*active).when(leave_chat("c1", by="ana")).then_refused("owner_stays")
    given(*active).when(leave_chat("c1", by="sue")).then_refused("not_in_chat")


# --- messages ------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ana", "ben", "c1's visitor", "system"])
def test_who_is_in_a_chat_says_something(by: str) -> None:
    active = (*TEAM, open_chat("c1", desk="sales"), join_chat("c1", by="ben", role="participant"))
    then = given(*active).when(post_message("c1", "Hi", by=by))
    then.then(event(e.MessagePosted, "c1", content=TextContent(text="Hi"), internal=False))
    said = then.decision.events[0]
    assert said.audience == ("staff", f"visitor:{then.world.id('''c1's visitor''')}")
    assert said.conversation == then.account.chats[then.world.id("c1")].conversation


@pytest.mark.parametrize(
    "content",
    [
        FileContent(name="a.pdf", src="https://example.org/a.pdf", size=7),
        ImageContent(src="https://example.org/a.png", width=3, height=4, size=7),
    ],
)
def test_files_and_images_are_said_too(content: FileContent | ImageContent) -> None:
    said = Act("ana", lambda world: a.PostMessage(chat=world.id("c1"), content=content))
    given(open_chat("c1", desk="sales")).when(said).then(event(e.MessagePosted, content=content))


def test_a_visitor_writes_while_waiting() -> None:
    then = given(chat_request("c1")).when(post_message("c1", by="c1's visitor"))
    then.then(event(e.MessagePosted, "c1"))
    assert then.decision.events[0].conversation is None


def test_an_internal_message_is_for_staff_alone() -> None:
    active = open_chat("c1", desk="sales")
    then = given(active).when(post_message("c1", by="ana", internal=True))
    then.then(event(e.MessagePosted, internal=True))
    assert then.decision.events[0].audience == ("staff",)
    given(active).when(post_message("c1", by="c1's visitor", internal=True)).then_refused(
        "not_allowed"
    )


def test_an_observer_writes_nothing() -> None:
    given(*TEAM, open_chat("c1", desk="sales"), join_chat("c1", by="sue", role="observer")).when(
        post_message("c1", by="sue")
    ).then_refused("observer_silent")


def test_who_is_not_in_a_chat_says_nothing_there() -> None:
    active = (*TEAM, open_chat("c1", desk="sales"), visitor("eve"))
    given(*active).when(post_message("c1", by="adam")).then_refused("not_in_chat")
    given(*active).when(post_message("c1", by="otto")).then_refused("not_allowed")
    given(*active).when(post_message("c1", by="eve")).then_refused("chat_unknown")
    given(*active).when(post_message("c1", by="a bot")).then_refused("not_allowed")


def test_closed_chats_and_chats_that_never_were_are_told_apart() -> None:
    closed = (open_chat("c1", desk="sales"), close_chat("c1", by="ana"))
    given(*closed).when(post_message("c1", by="c1's visitor")).then_refused("chat_closed")
    for never in ("never", event_id(START, 10**6), event_id(START + 10**9, 1), event_id(START, 0)):
        given(*closed).when(post_message(never, by="ana")).then_refused("chat_unknown")


# --- read marks ----------------------------------------------------------------------------


TALK = (
    *TEAM,
    open_chat("c1", desk="sales"),
    post_message("c1", by="ana", named="m1"),
    post_message("c1", by="ana", named="m2"),
    post_message("c1", by="ana", named="m3", internal=True),
)


def test_a_read_mark_goes_forward_only() -> None:
    vic = "c1's visitor"
    given(*TALK).when(mark_read("c1", "m2", by=vic)).then(
        event(e.MessagesRead, "c1", message="m2")
    ).and_when(mark_read("c1", "m1", by=vic)).then_nothing().and_when(
        mark_read("c1", "m2", by=vic)
    ).then_nothing().and_when(mark_read("c1", "m2", by="ana")).then(
        event(e.MessagesRead, "c1", message="m2")
    )


def test_a_read_mark_on_an_internal_message_counts_for_the_public_one_before_it() -> None:
    """The visitor sees the marks."""
    public = event(e.MessagesRead, message="m2")
    given(*TALK).when(mark_read("c1", "m3", by="ana")).then(public)
    given(*TALK, post_message("c1", by="ana")).when(mark_read("c1", "m3", by="ana")).then(public)
    given(*TALK, mark_read("c1", "m2", by="ana")).when(
        mark_read("c1", "m3", by="ana")
    ).then_nothing()
    given(
        open_chat("c1", desk="sales"), post_message("c1", by="ana", internal=True, named="m1")
    ).when(mark_read("c1", "m1", by="ana")).then_nothing()


def test_a_visitor_does_not_know_of_internal_messages() -> None:
    vic = "c1's visitor"
    given(*TALK).when(mark_read("c1", "m3", by=vic)).then_refused("message_unknown")
    given(*TALK, post_message("c1", by="ana")).when(mark_read("c1", "m3", by=vic)).then_refused(
        "message_unknown"
    )


def test_only_messages_of_this_chat_so_far_are_read() -> None:
    given(*TALK).when(mark_read("c1", "c1", by="ana")).then_refused("message_unknown")
    given(*TALK).when(mark_read("c1", "zzz", by="ana")).then_refused("message_unknown")
    given(*TALK).when(mark_read("c1", "1", by="ana")).then_refused("message_unknown")
    given(open_chat("c1", desk="sales")).when(mark_read("c1", "c1", by="ana")).then_refused(
        "message_unknown"
    )
    then = given(*TALK)
    between = then.world.id("m2")[:-1] + "1"
    then.when(mark_read("c1", between, by="ana")).then_refused("message_unknown")


def test_who_is_not_in_the_chat_reads_nothing_there() -> None:
    given(*TALK).when(mark_read("c1", "m1", by="ben")).then_refused("not_in_chat")
    given(*TALK).when(mark_read("c1", "m1", by="system")).then_refused("not_allowed")
    given(*TALK, join_chat("c1", by="sue", role="observer")).when(
        mark_read("c1", "m1", by="sue")
    ).then_refused("observer_silent")


# --- close ---------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ana", "sue", "adam", "system", "c1's visitor"])
def test_a_chat_is_closed_with_its_conversation(by: str) -> None:
    then = given(*TEAM, open_chat("c1", desk="sales")).when(close_chat("c1", by=by))
    then.then(conversation_closed("c1", desk="sales", reason="closed"), event(e.ChatClosed, "c1"))
    assert then.account.chats == {} == then.account.visitors


def test_others_do_not_close_a_chat() -> None:
    active = (*TEAM, open_chat("c1", desk="sales"), visitor("eve"))
    given(*active).when(close_chat("c1", by="ben")).then_refused("not_allowed")
    given(*active).when(close_chat("c1", by="otto")).then_refused("not_allowed")
    given(*active).when(close_chat("c1", by="eve")).then_refused("chat_unknown")
    given(*active).when(close_chat("no", by="ana")).then_refused("chat_unknown")


def test_a_waiting_chat_is_closed_without_a_conversation() -> None:
    then = given(chat_request("c1"), chat_request("c2")).when(close_chat("c1", by="c1's visitor"))
    then.then(event(e.ChatClosed, "c1"))
    assert positions(then.account, then.world.id("c2")) == 1
    assert positions(then.account, then.world.id("c1")) is None


def test_an_agent_does_not_close_a_waiting_chat() -> None:
    given(*TEAM, account(routing="manual"), chat_request("c1")).when(
        close_chat("c1", by="ben")
    ).then_refused("not_allowed")


def test_a_closed_chats_seat_goes_to_the_next_in_the_queue() -> None:
    given(
        account(desk_limit=1),
        open_chat("c1", desk="sales"),
        chat_request("c2", to_desk="sales"),
        chat_request("c3", to_desk="sales"),
    ).when(close_chat("c1", by="ana")).then(
        conversation_closed("c1", desk="sales"),
        event(e.ChatClosed, "c1"),
        conversation_opened("c2", desk="sales"),
    )


def test_a_transferred_chat_is_closed_by_its_new_owner() -> None:
    given(
        *TEAM,
        open_chat("c1", desk="sales"),
        transfer("c1", to_operator="ben", by="ana"),
        join_chat("c1", by="ben"),
    ).when(close_chat("c1", by="ben")).then(
        conversation_closed("c1", desk="ben's desk"), event(e.ChatClosed)
    )
