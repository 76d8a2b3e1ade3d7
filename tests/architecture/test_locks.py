"""The locks pin what the project asks for, and nothing can be put in its place."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.committed import ROOT

RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
_PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _lines(lock: str) -> list[str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if not line.startswith("#")]


def _pins(lock: str) -> dict[str, str]:
    pinned = (re.match(r"([a-z0-9.-]+)==([^\s;]+)", line) for line in _lines(lock))
    return {canonicalize_name(pin[1]): pin[2] for pin in pinned if pin}


def _asked(*groups: str) -> list[str]:
    asked: list[str] = []
    for group in groups:
        for each in _PROJECT["dependency-groups"][group]:
            asked += _asked(each["include-group"]) if isinstance(each, dict) else [each]
    return asked


def _unmet(asked: list[str], pins: dict[str, str]) -> list[str]:
    unmet = []
    for text in asked:
        requirement = Requirement(text)
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            unmet.append(text)
    return unmet


@pytest.mark.parametrize("lock", [RUNTIME, DEV])
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock: str) -> None:
    lines = _lines(lock)
    assert len(lines) > 20
    assert [
        line for line in lines if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:", line)
    ] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    asked = [*_PROJECT["project"]["dependencies"], *_asked("build")]
    assert _unmet(asked, _pins(RUNTIME)) == [], "run `make lock`"
    assert _unmet([*asked, *_asked("dev", "bench")], _pins(DEV)) == [], "run `make lock`"


def test_what_runs_is_what_was_tested() -> None:
    assert set(_pins(RUNTIME).items()) <= set(_pins(DEV).items())
