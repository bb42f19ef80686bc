"""What the README and docs/architecture.md say about the code is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat.models import State, Status

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
READING = re.findall(r"^\d+\. `([^`]+)`:", ARCHITECTURE.partition("## Where to read")[2], re.MULTILINE)
PATHS = sorted(set(re.findall(r"`((?:chat|static|templates|tests|docs|bench)/[\w./-]*)`", README + ARCHITECTURE)))


@pytest.mark.parametrize("text", [README, ARCHITECTURE], ids=["README", "architecture"])
def test_the_life_of_a_message_is_as_long_as_they_say(text: str) -> None:
    [(files, lines)] = re.findall(r"(\d+) files with about ([\d,]+) lines", text)
    counted = sum(len((ROOT / path).read_text().splitlines()) for path in READING)

    assert int(files) == len(READING)
    assert abs(int(lines.replace(",", "")) - counted) <= 0.05 * counted, f"the files have {counted} lines"


@pytest.mark.parametrize("path", PATHS)
def test_every_file_that_they_name_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_readme_is_a_front_door() -> None:
    assert len(README.splitlines()) <= 200


def test_every_state_of_a_generation_and_status_of_an_answer_is_explained() -> None:
    states = ARCHITECTURE.partition("## The states of a generation")[2].partition("## ")[0]

    assert [state for state in State if not re.search(rf"\b{state.value}\b", states)] == []
    assert [status for status in Status if f"`{status.value}`" not in states] == []
