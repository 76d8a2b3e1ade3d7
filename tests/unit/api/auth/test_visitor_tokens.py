import pytest

from api.auth.visitor_tokens import VisitorTokens

KEY = "a key for the tests, 32 characters."


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


def test_a_token_says_who_it_was_made_for() -> None:
    tokens = VisitorTokens(KEY, Clock(), 1.0)
    made = tokens.issue("acme", "06n4snj0000000000c00")
    claim = tokens.read(made.token)
    assert claim is not None
    assert (claim.account, claim.visitor) == ("acme", "06n4snj0000000000c00")
    assert claim.expires_at == made.expires_at == 1_700_000_000_000 + 3_600_000


def test_a_token_ends() -> None:
    clock = Clock()
    tokens = VisitorTokens(KEY, clock, 1.0)
    token = tokens.issue("acme", "v").token
    clock.now += 3_599_999
    assert tokens.read(token) is not None
    clock.now += 1
    assert tokens.read(token) is None


def test_every_changed_character_ends_a_token() -> None:
    tokens = VisitorTokens(KEY, Clock(), 1.0)
    token = tokens.issue("acme", "06n4snj0000000000c00").token
    for place, character in enumerate(token):
        changed = token[:place] + ("x" if character != "x" else "y") + token[place + 1 :]
        if place < len(token) - 1:  # the last one carries two spare bits of base64
            assert tokens.read(changed) is None, place


@pytest.mark.parametrize("token", ["", ".", "...", "a.b.c.d", "a.b.zz.", "é.b.1.c", "a" * 500])
def test_what_is_no_token_is_nobodys(token: str) -> None:
    assert VisitorTokens(KEY, Clock(), 1.0).read(token) is None


def test_another_key_makes_other_tokens() -> None:
    token = VisitorTokens(KEY, Clock(), 1.0).issue("acme", "v").token
    assert VisitorTokens(KEY[::-1], Clock(), 1.0).read(token) is None
