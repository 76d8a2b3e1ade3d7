"""Links within the documentation lead somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate.markdown import anchor
from tests.docs.pages import ROOT, name

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", _PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = [target for target in _links(page) if not _leads(page, target)]
    assert dead == []


def _links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [target for target in _LINK.findall(text) if "://" not in target]


def _leads(page: Path, target: str) -> bool:
    path, _, fragment = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return False
    return not fragment or fragment in _anchors(file)


def _anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {anchor(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
