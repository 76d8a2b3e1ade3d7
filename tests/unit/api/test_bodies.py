import pytest

from api.bodies import ActionBody, JsonBody
from api.problems import Problem
from schemas.actions import PostMessage
from schemas.record import Record

BODY = ActionBody(PostMessage, "chat").body


class Named(Record):
    """A body for the tests."""

    name: str
    tags: tuple[str, ...] = ()


def refusal(body: bytes) -> Problem:
    with pytest.raises(Problem) as raised:
        BODY.decode(body)
    return raised.value


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"content":{"type":"text","text":""}}', "/content/text"),
        (b'{"content":{"type":"text","text":7}}', "/content/text"),
        (b'{"content":{"type":"text"}}', "/content/text"),
        (b'{"content":{"type":"song","text":"la"}}', "/content/type"),
        (b'{"content":{"type":"text","text":"a"},"chat":"c"}', "/chat"),
        (b'{"content":{"type":"text","text":"a","x":1}}', "/content/x"),
        (b"{}", "/content"),
        (b"[]", ""),
    ],
)
def test_what_does_not_fit_is_pointed_at(body: bytes, pointer: str) -> None:
    problem = refusal(body)
    assert problem.code == "invalid"
    assert [part.pointer for part in problem.errors] == [pointer]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"content":NaN}', b'"\xff"x', b'{"content":"\\ud800"}',
     b'{"x":' + b"[" * 60_000],
)  # fmt: skip
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    assert refusal(body).code in ("malformed_json", "invalid")


def test_deep_nesting_is_refused() -> None:
    body = b'{"content":' + b'{"type":' * 30_000 + b"}" * 30_001
    assert refusal(body).code in ("malformed_json", "invalid")


def test_nul_is_refused_where_it_stands() -> None:
    problem = refusal(b'{"content":{"type":"text","text":"a\\u0000b"}}')
    assert problem.code == "nul_in_text"
    assert problem.errors[0].pointer == "/content/text"
    with pytest.raises(Problem) as raised:
        JsonBody(Named).decode(b'{"name":"n","tags":["a","\\u0000"]}')
    assert raised.value.errors[0].pointer == "/tags/1"


def test_a_backslash_before_u0000_is_text() -> None:
    body = BODY.decode(b'{"content":{"type":"text","text":"a\\\\u0000b"}}')
    assert body.content.text == "a\\u0000b"
