"""What the packages import is what the project asks for, not what happens to be installed."""

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.committed import ROOT

PACKAGES = ("schemas", "streams", "projections", "api", "simulator")


@cache
def _distributions() -> dict[str, set[str]]:
    return {
        module: {canonicalize_name(name) for name in names}
        for module, names in packages_distributions().items()
    }


@cache
def _asked() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module)
            case ast.Call(
                func=ast.Name(id="files" | "import_module"), args=[ast.Constant(str(name))]
            ):
                names.add(name)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_project_asks_for(package: str) -> None:
    unasked = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in _imports(path) - sys.stdlib_module_names - set(PACKAGES)
        if not _distributions().get(name, set()) & _asked()
    }
    assert unasked == set()
