"""What README and docs say can be typed: Python runs, commands exist, links lead somewhere."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer.main

from fleetloop.loop.cli import build_app

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))

_spec = importlib.util.spec_from_file_location("blocks", Path(__file__).with_name("blocks.py"))
blocks = importlib.util.module_from_spec(_spec)
sys.modules["blocks"] = blocks
_spec.loader.exec_module(blocks)


def of_language(*languages):
    """Page and block, for all pages."""
    return [
        pytest.param(page, block, id=f"{page}:{block.line}")
        for page in PAGES
        for block in blocks.blocks_of(ROOT / page)
        if block.language in languages
    ]


@functools.cache
def errors_of(page: str) -> dict[int, str]:
    """Runs all Python blocks of a page in one process; error by line."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/docs/blocks.py"), str(ROOT / page)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    lines = [b.line for b in blocks.blocks_of(ROOT / page) if b.language == "python"]
    return dict(zip(lines, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("page", "block"), of_language("python"))
def test_python_runs(page, block):
    assert not errors_of(page)[block.line], errors_of(page)[block.line]


def commands_of(text: str):
    """Command lines of a block, without prompts, comments and continuations."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words:
            yield words


@functools.cache
def known_options(command: str) -> tuple[set[str], int]:
    """Options of a command of ours, and how many arguments it takes."""
    group = typer.main.get_command(build_app())
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    assert command in group.commands, f"there is no command {command!r}"
    found = group.commands[command].params
    options = {name for p in found if p.param_type_name == "option"
               for name in (*p.opts, *p.secondary_opts)}  # fmt: skip
    return options | {"--help"}, sum(p.param_type_name == "argument" for p in found)


def check_fleetloop(words) -> None:
    if words in ([], ["--help"]):
        return
    options, _ = known_options(words[0])
    asked = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    assert asked <= options, f"{words[0]} has no {sorted(asked - options)}"


def check_make(words) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {word for word in words if "=" not in word and not word.startswith("-")}
    assert asked <= targets, f"make has no {sorted(asked - targets)}"


def check_python(words) -> None:
    if words[0].endswith(".py"):
        assert (ROOT / words[0]).is_file(), f"there is no {words[0]}"


CHECKS = {"fleetloop": check_fleetloop, "make": check_make, "python": check_python}


@pytest.mark.parametrize(("page", "block"), of_language("bash", "sh", "console"))
def test_commands_exist(page, block):
    for words in commands_of(block.text):
        check = CHECKS.get(Path(words[0]).name)
        if check is not None:
            check(words[1:])


def test_a_wrong_command_is_found():
    """The checks above can fail."""
    with pytest.raises(AssertionError, match="no command 'recrod'"):
        check_fleetloop(["recrod"])
    with pytest.raises(AssertionError, match="--episode"):
        check_fleetloop(["record", "--episode", "3"])
    with pytest.raises(AssertionError, match="tset"):
        check_make(["tset"])
    wrong = blocks.Block("python", 1, "def test_it():\n    assert 1 == 2\n")
    assert "AssertionError" in blocks.run_python(Path("page.md"), wrong)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
