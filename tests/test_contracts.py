"""Promises between files: imports go down, the browser's modules pass their tests, the protocol is documented."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from chat import events

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "chat").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BROWSER_TESTS = sorted((ROOT / "tests" / "static").glob("*.test.mjs"))
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
BROWSER = "\n".join(path.read_text() for path in sorted((ROOT / "static" / "src" / "chat").glob("*.js")))
FRAMES = {frame.__struct_config__.tag: frame for side in (events.Inbound, events.Outbound) for frame in get_args(side)}
ROWS = dict(re.findall(r"^\| `([a-z_.]+)`[^|]*\|(.*)\|$", PROTOCOL, re.MULTILINE))


def run(*command: str) -> str:
    """The command's output; a failure shows all of it."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_imports_go_down_only() -> None:
    assert "0 broken" in run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


@pytest.mark.parametrize("path", BROWSER_TESTS, ids=lambda path: path.name)
def test_the_modules_of_the_browser_pass_their_tests(path: Path) -> None:
    node = shutil.which("node")
    assert node, "Node is needed: it builds the pages' scripts as well"
    assert re.search(r"^# fail 0$", run(node, "--test", "--test-reporter=tap", str(path)), re.MULTILINE)


def test_the_browser_has_tests() -> None:
    assert BROWSER_TESTS


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_documented_with_what_it_carries(name: str) -> None:
    assert name in ROWS
    assert [field for field in FRAMES[name].__struct_fields__ if f"`{field}`" not in ROWS[name]] == []


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_known_in_the_browser(name: str) -> None:
    assert re.search(rf"""["']{re.escape(name)}["']|^\s*{re.escape(name)}:""", BROWSER, re.MULTILINE)


@pytest.mark.parametrize("code", events.Close, ids=lambda code: code.name)
def test_every_close_code_is_documented(code: events.Close) -> None:
    assert str(code.value) in PROTOCOL


def test_every_documented_frame_exists() -> None:
    assert {name for name in ROWS if "." in name} <= set(FRAMES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    source = path.read_text()
    if source.strip():
        assert ast.get_docstring(ast.parse(source))


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            yield from (module + name.name for name in node.names)


def test_tests_import_from_support_and_from_no_other_test() -> None:
    """Two folders have modules of their own: faults, whose launcher starts any real command, and recipes."""
    other = re.compile(r"^tests\.(?!(support|faults|recipes)\b)|^\.|(^|\.)(conftest|test_\w+)(\.|$)")

    assert [(path.name, name) for path in TESTS for name in imported(path) if other.search(name)] == []


def root(node: ast.AST) -> str:
    """The name that an expression like `name.more[0]` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def replacements(path: Path) -> Iterator[int]:
    """The lines in which a test replaces a part of chat/."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    modules = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    ours = {
        name.asname or name.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chat")
        for name in node.names
    }
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("setattr")
            and root(node.args[0]) not in modules
        ):
            yield node.lineno
        if isinstance(node, ast.Assign) and any(
            not isinstance(to, ast.Name) and root(to) in ours for to in node.targets
        ):
            yield node.lineno


def test_only_support_patches_replaces_parts_of_chat() -> None:
    found = {path.name: list(replacements(path)) for path in TESTS if path.name != "patches.py"}

    assert {name: lines for name, lines in found.items() if lines} == {}


def unexplained_sleeps(path: Path) -> Iterator[str]:
    """Lines that wait for time to pass without a comment, in the line or above it, that gives the reason."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        # Zero seconds are one turn of the event loop.
        waits = re.search(r"\b((asyncio|time)\.sleep|wait_for_timeout)\((?!0\))", line)
        if waits and "  # " not in line and not lines[number - 1].lstrip().startswith("# "):
            yield f"{path.name}:{number + 1}"


def test_sleeps_have_a_reason_and_all_others_await_an_event() -> None:
    assert [found for path in TESTS for found in unexplained_sleeps(path)] == [], "see tests/support/waiting.py"
