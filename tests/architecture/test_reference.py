"""The reference says what the code says, and leaves nothing out."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer.main

from api.cli import app
from api.live.frames import FRAMES
from api.problems import PROBLEMS
from docs.generate.http import document, operations
from docs.generate.pages import REFERENCE, render
from schemas.actions import AnyAction
from schemas.events import AnyEvent
from schemas.refusals import REFUSALS
from schemas.signals import AnySignal
from streams.settings import PREFIX, Settings


def _tags(union: object) -> list[str]:
    return [kind.__struct_config__.tag for kind in get_args(union)]


def _page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", below)


@pytest.fixture(scope="module")
def fresh() -> dict[str, str]:
    return render()


def test_the_reference_is_as_the_code_writes_it(fresh: dict[str, str]) -> None:
    stale = [name for name, text in fresh.items() if _page(name) != text]
    assert stale == [], "run `make docs`"


def test_the_reference_has_no_other_pages(fresh: dict[str, str]) -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(fresh) | {"index.md"}


def test_every_page_is_on_the_index(fresh: dict[str, str]) -> None:
    index = _page("index.md")
    assert [name for name in fresh if f"]({name})" not in index] == []


def test_every_action_is_in_the_reference() -> None:
    page = _page("actions.md")
    assert [tag for tag in _tags(AnyAction) if f"\n## {tag}\n" not in page] == []


def test_every_event_is_in_the_reference() -> None:
    page = _page("events.md")
    assert [tag for tag in _tags(AnyEvent) if f"\n## {tag}\n" not in page] == []


def test_every_signal_is_in_the_reference() -> None:
    page = _page("records.md")
    assert [tag for tag in _tags(AnySignal) if f"\n### {tag}\n" not in page] == []


def test_every_live_frame_is_in_the_reference() -> None:
    page = _page("live.md")
    tags = [frame.__struct_config__.tag for frame in FRAMES]
    assert [tag for tag in tags if f"\n## {tag}\n" not in page] == []


def test_every_refusal_and_problem_is_in_the_reference() -> None:
    page = _page("refusals.md")
    assert [code for code in (*REFUSALS, *PROBLEMS) if f"\n| `{code}` | " not in page] == []


def test_every_operation_is_in_the_reference() -> None:
    page = _page("http.md")
    headings = [f"{method} {path}" for method, path, _ in operations(document())]
    assert headings
    assert [heading for heading in headings if f"\n### {heading}\n" not in page] == []


def test_every_setting_is_in_the_reference() -> None:
    page = _page("settings.md")
    names = [PREFIX + name.upper() for name in Settings.model_fields]
    assert [name for name in names if f"\n| `{name}` | " not in page] == []


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_command_and_option_is_in_the_reference() -> None:
    page = _page("command-line.md")
    sections = dict(re.findall(r"^#+ .*`(deskstream.*)`\n((?:(?!^#+ ).*\n)*)", page, re.MULTILINE))
    missing = []
    for path, command in _commands("deskstream", typer.main.get_command(app)):
        section = sections.get(path)
        if section is None:
            missing.append(path)
            continue
        shown = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section))
        options = {
            name
            for parameter in command.params
            if parameter.param_type_name == "option" and not parameter.hidden
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        missing += [f"{path} {name}" for name in options - shown]
    assert missing == []
