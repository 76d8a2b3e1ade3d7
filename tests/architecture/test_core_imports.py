"""The core computes and nothing else: what it may import is listed, everything else is not.

The import linter forbids the libraries that somebody thought of; this list has no such gap.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted([*ROOT.glob("schemas/**/*.py"), *ROOT.glob("streams/domain/**/*.py")])

_MAY_IMPORT = {
    "abc",
    "bisect",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "msgspec",
    "operator",
    "re",
    "string",
    "types",
    "typing",
    "zlib",
}
_EXCEPTIONS = {("schemas/ids.py", "secrets")}
"""A source of action ids draws its prefix once, outside of any decision."""


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_only_what_computes(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    own = {"schemas", "streams"} if name.startswith("streams/") else {"schemas"}
    strange = {
        package
        for package in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if package not in _MAY_IMPORT | own and (name, package) not in _EXCEPTIONS
    }
    assert strange == set()


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return {name.partition(".")[0] for name in names}
