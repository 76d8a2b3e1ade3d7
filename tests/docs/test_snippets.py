"""Every Python snippet of a page runs, in the page's order, in one namespace per page."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from tests.docs.pages import PAGES, ROOT, Block, blocks, name
from tests.docs.session import SESSIONS

_LANGUAGES = {"console", "js", "mermaid", "nginx", "python", "sh", "text", "yaml"}
_PYTHON = [
    page
    for page in PAGES
    if page not in SESSIONS and any(block.language == "python" for block in blocks(page))
]
_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", _PYTHON, ids=name)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = [_compiled(page, block) for block in blocks(page) if block.language == "python"]
    asyncio.run(_run(snippets))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_says_what_its_blocks_are(page: Path) -> None:
    strange = [f"line {block.line}" for block in blocks(page) if block.language not in _LANGUAGES]
    assert strange == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_makes_can_be_made(page: Path) -> None:
    shell = "".join(block.text for block in blocks(page) if block.language == "sh")
    inline = " ".join(re.findall(r"`make [^`]*`", page.read_text(encoding="utf-8")))
    named = re.findall(r"\bmake ([a-z-]+)", shell + inline)
    assert set(named) <= _TARGETS


def _compiled(page: Path, block: Block) -> CodeType:
    source = "\n" * (block.line - 1) + block.text
    code: CodeType = compile(
        source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    return code


async def _run(snippets: list[CodeType]) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for snippet in snippets:
        outcome = eval(snippet, namespace)
        if inspect.iscoroutine(outcome):
            await outcome
