"""Settings: from the environment, and clear about what is wrong."""

import pytest

from streams.settings import WrongSettings, load_settings


def test_without_any_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESKSTREAM_PORT", raising=False)
    assert load_settings().port == 8080


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSTREAM_PORT", "9000")
    assert load_settings().port == 9000


def test_the_command_line_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSTREAM_PORT", "9000")
    assert load_settings(port=9001).port == 9001


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DESKSTREAM_PORT", "70000"),
        ("DESKSTREAM_PARTITIONS", "0"),
        ("DESKSTREAM_SECRET", "short"),
        ("DESKSTREAM_LOG_LEVEL", "loud"),
        ("DESKSTREAM_PROT", "9000"),
    ],
)
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings, match=name):
        load_settings()


def test_all_wrong_ones_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSTREAM_PORT", "x")
    monkeypatch.setenv("DESKSTREAM_HEARTBEAT", "-1")
    with pytest.raises(WrongSettings, match=r"DESKSTREAM_PORT.*DESKSTREAM_HEARTBEAT"):
        load_settings()


def test_json_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSTREAM_CORS_ORIGINS", "https://example.org")
    with pytest.raises(WrongSettings, match="cors_origins"):
        load_settings()
