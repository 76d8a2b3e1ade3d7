"""Snippets that are not Python are read by what will read them, where that is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, Block, blocks, name

NGINX = "events {{}}\npid {0}/pid;\nerror_log stderr;\nhttp {{\naccess_log off;\n{1}}}\n"


def _blocks_in(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    return [
        pytest.param(block, id=f"{name(page)}:{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language == language
    ]


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", _blocks_in("js"))
def test_node_reads_the_javascript(block: Block, tmp_path: Path) -> None:
    module = tmp_path / "snippet.mjs"
    module.write_text(block.text, encoding="utf-8")
    _run(_program("node"), "--check", module)


@pytest.mark.parametrize("block", _blocks_in("nginx"))
def test_nginx_takes_the_configuration(block: Block, tmp_path: Path) -> None:
    text = block.text.replace("/var/log/nginx", str(tmp_path))
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX.format(tmp_path, text), encoding="utf-8")
    _run(_program("nginx"), "-t", "-q", "-p", tmp_path, "-e", "stderr", "-c", file)


@pytest.mark.parametrize("block", _blocks_in("yaml"))
def test_the_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)
