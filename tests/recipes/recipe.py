"""Applies the recipes of docs/extending.md to a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "extending.md"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "var", ".env", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis"
)
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REST = r"(?:.*\n)*?"  # what `-…` removes: all lines up to the next one of the hunk, or to the end of the file
MIGRATIONS = (
    "tests/test_database.py::test_models_and_migrations_do_not_drift",
    "tests/test_database.py::test_each_migration_can_be_reverted_and_applied_again",
)
SECONDS = 400  # mypy takes ten on a quiet machine; CI runs these tests beside others, which go first


def sections() -> dict[str, str]:
    """The text of each `## ` section, by its title."""
    parts = re.split(r"^## (.+)$", DOCUMENT.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


REMOVALS = [title for title in sections() if title.startswith("Remove ")]


class Copy:
    """A copy of the project to which recipes are applied."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(PROJECT, root, ignore=NOT_COPIED)
        (root / "node_modules").symlink_to(PROJECT / "node_modules")
        if (cache := PROJECT / ".mypy_cache").exists():
            shutil.copytree(cache, root / ".mypy_cache")
        (root / "var").mkdir()

    def apply(self, title: str) -> None:
        """Each block of a section, in order: whole files, diffs of files, commands."""
        for language, path, text in BLOCK.findall(sections()[title]):
            if language == "sh":
                self.run("sh", "-ec", text)
            elif language == "diff":
                self._patch(path, text)
            elif path:
                target = self.root / path
                assert not target.exists(), f"{title}: {path} exists already"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)

    def run(self, *command: str) -> str:
        """The output of a command that succeeds; a failure shows all of it. `chat` and `python` are the copy's."""
        options = {"cwd": self.root, "env": self._environment(), "timeout": SECONDS}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
        return done.stdout

    def check(self, *tests: str) -> None:
        """Style, types, import contracts, and these tests."""
        self.run("python", "-m", "ruff", "check", "--quiet", ".")
        self.run("python", "-m", "ruff", "format", "--check", "--quiet", ".")
        self.run("python", "-m", "mypy")
        self.run("lint-imports", "--no-cache")
        if tests:
            self.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)

    def _environment(self) -> dict[str, str]:
        programs = self.root / "var" / "bin"
        if not programs.exists():
            programs.mkdir()
            chat = programs / "chat"
            chat.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from chat.cli import main; main()" "$@"\n')
            chat.chmod(0o755)
        path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
        return {**inherited, "PATH": path, "PYTHONPATH": str(self.root), "DEBUG": "True"}

    def _patch(self, path: str, diff: str) -> None:
        """A diff without line numbers: hunks are separated by a line `@@`, and each fits in one place."""
        [target] = self.root.glob(path)
        text = target.read_text()
        for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
            lines = [line if line else " " for line in hunk.splitlines()]
            before = "".join(REST if line == "-…" else re.escape(f"{line[1:]}\n") for line in lines if line[0] in " -")
            after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
            end = r"\Z" if lines[-1] == "-…" else ""
            places = list(re.finditer(f"^{before}{end}", text, re.MULTILINE))
            assert len(places) == 1, f"{path}: {len(places)} places fit this hunk:\n{hunk}"
            text = text[: places[0].start()] + after + text[places[0].end() :]
        target.write_text(text)
