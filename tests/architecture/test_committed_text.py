"""What is committed is true on every machine: it names no machine's paths and no strange hosts."""

import re

import pytest

from tests.architecture.committed import committed_texts

_HOSTS = {
    "127.0.0.1",
    "[::1]",
    "0.0.0.0",
    "localhost",
    "example.com",
    "example.net",
    "example.org",
    "json-schema.org",
    "www.rfc-editor.org",
    "www.w3.org",
}
"""Hosts that may be named: this machine, the examples of RFC 2606, and standards."""

_URL = re.compile(r"\b(?:https?|wss?|ftp|git|ssh)://(?:[^\s/@\"'`]*@)?(\[[0-9a-f:]+\]|[\w.-]+)")
_REGISTRY = re.compile(
    r"\b(?:(?:files|test)\.)?(?:pypi|pythonhosted|npmjs|crates|golang|maven|debian)\.(?:org|io|com|net)\b"
)
_MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:work|root|home|Users|mnt|media|tmp)/\w")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return committed_texts()


def _found(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in pattern.finditer(line)
        if not (match.groups() and _known(match.group(1)))
    ]


def _known(host: str) -> bool:
    host = host.rstrip(".")
    return host in _HOSTS or "." not in host or host.endswith((".example", ".invalid", ".test"))


def test_only_known_hosts_are_named(texts: dict[str, str]) -> None:
    assert _found(_URL, texts) == []


def test_no_package_registry_is_named(texts: dict[str, str]) -> None:
    assert _found(_REGISTRY, texts) == []


def test_no_path_of_a_machine_is_named(texts: dict[str, str]) -> None:
    assert _found(_MACHINE_PATH, texts) == []
