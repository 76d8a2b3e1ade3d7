"""What the pages claim of the code, where that can be held against the code."""

import re

import pytest

from api.bootstrap import Login
from api.serve import greet
from bench.__main__ import MEASUREMENTS
from docs.generate.pages import REFERENCE
from tests.docs.pages import PAGES, ROOT, name

DOCS = ROOT / "docs"
HTTP_METRICS = {"deskstream_http_requests_total", "deskstream_http_request_duration_seconds"}

_INDEXED = sorted(
    path
    for path in DOCS.glob("**/*.md")
    if path.parent not in (REFERENCE, DOCS / "decisions") and path != DOCS / "index.md"
)


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_a_page_shows_what_a_first_start_prints(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _text(page)
    shown = re.search(r"First login: account main, login admin, password (\S+) ", text)
    assert shown is not None
    greet("http://127.0.0.1:8080", Login("main", "admin", shown[1], 3))
    assert f"```text\n{capsys.readouterr().out}```\n" in text


def test_every_page_is_on_the_index() -> None:
    index = _text("docs/index.md")
    lost = [name(page) for page in _INDEXED if f"]({page.relative_to(DOCS)})" not in index]
    assert lost == []


def test_every_decision_is_on_its_index() -> None:
    index = _text("docs/decisions/index.md")
    for record in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = record.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"- [{title}]({record.name})" in index


def test_decisions_have_their_parts() -> None:
    for record in (DOCS / "decisions").glob("[0-9]*.md"):
        text = record.read_text(encoding="utf-8")
        parts = re.findall(r"^(?:## )?(Status|Context|Decision|Consequences)\b", text, re.MULTILINE)
        assert parts == ["Status", "Context", "Decision", "Consequences"], record.name


def test_the_metrics_are_those_that_there_are() -> None:
    page = _text("docs/how-to/monitor.md")
    roles = "".join(map(_text, map(str, (ROOT / "api" / "roles").glob("*.py"))))
    counted = set(re.findall(r'"(deskstream_[a-z_]+)"', roles))
    assert set(re.findall(r"deskstream_[a-z_]+", page)) == counted | HTTP_METRICS


def test_options_and_variables_that_pages_name_exist() -> None:
    reference = _text("docs/reference/command-line.md") + _text("docs/reference/settings.md")
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            named = re.findall(r"DESKSTREAM_[A-Z_]+", line)
            if "deskstream " in line:
                named += re.findall(r"(?<=\s)--[a-z-]+", line)
            unknown = [word for word in named if word not in reference]
            assert set(unknown) <= {"DESKSTREAM_HEARTBEATS", "DESKSTREAM_"}, f"{name(page)}: {line}"


def test_the_measurements_are_those_that_there_are() -> None:
    page = _text("docs/performance.md")
    assert re.findall(r"^\| `python -m bench\.(\w+)", page, re.MULTILINE) == [*MEASUREMENTS]


def test_the_glossary_is_in_order() -> None:
    words = re.findall(r"^\| ([^|]+) \|", _text("docs/glossary.md"), re.MULTILINE)[2:]
    assert words == sorted(words, key=str.casefold)
