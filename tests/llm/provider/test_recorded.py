"""What real servers answered is read completely, however its bytes are split."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.llm.events import Completed, ReasoningItem
from tests.support.provider_streams import calls_of, end_of, read_all, text_of, thoughts_of

STREAMS = Path(__file__).parent / "streams"
PROJECT = "I'm here to help with any creative writing project."
TOWER = (
    "\nLighthouses are iconic symbols of the architectural style of early modern England, with their iconic design and "
    "iconic placement. They were often situated at key locations, such as the Tower of London, in"
)
RIDDLE = (
    '<sound of 2+2+2>\nThe user asks a sum.  The user provides a riddle by asking "How many times does 2 and 3 combine '
    'to give a sum of five?"'
)
# file, text, reasoning, calls, input and output tokens
ANSWERS = [
    ("litellm_smol_bridge", PROJECT, "", [], (23, 12)),
    ("llamacpp_basic", PROJECT, "", [], (23, 12)),
    ("llamacpp_reasoning", "It is 6.", "The user asks a sum. Three and four is six.\n", [], (106, 28)),
    ("llamacpp_thinkonly", "", TOWER, [], (20, 40)),
    (
        "llamacpp_tools_1",
        "",
        "",
        [("call_CHFPgGGhM4YikdaADghLZCI5x3cN0cRu", "get_secret_number", "{}")],
        (933, 28),
    ),
    ("llamacpp_tools_2", "The secret number is 7421.", "", [], (916, 11)),
    ("llamacpp_tools_3", "The secret number is 7421.", "", [], (1014, 11)),
    ("ors_basic", "Sure, just like the previous answer.", "", [], None),
    ("transformers_basic", PROJECT, "", [], (23, 12)),
    ("vllm_basic", "Mike - Cheers, nice job!\nS.F. baby -", "", [], (23, 16)),
    ("vllm_reasoning_1", "", "It is 2.", [], (230, 6)),
    ("vllm_reasoning_2", "\n\nIt is 4.", "\nThe user asks a sum. Two and three plus three is four.\n", [], (230, 30)),
    ("vllm_reasoning_3", "", RIDDLE, [], (230, 44)),
]


def test_every_file_is_read() -> None:
    assert sorted(path.stem for path in STREAMS.glob("*.txt")) == [row[0] for row in ANSWERS]


@pytest.mark.parametrize("size", [1, 7, 0], ids=["bytes", "sevens", "whole"])
@pytest.mark.parametrize(("name", "text", "thoughts", "calls", "tokens"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_a_recorded_answer_is_read(
    name: str,
    text: str,
    thoughts: str,
    calls: list[tuple[str, str, str]],
    tokens: tuple[int, int] | None,
    size: int,
) -> None:
    events = read_all((STREAMS / f"{name}.txt").read_bytes(), size=size, max_output_tokens=1000)
    end = end_of(events)
    assert isinstance(end, Completed)
    assert (text_of(events), end.text, thoughts_of(events), calls_of(events)) == (text, text, thoughts, calls)
    assert (end.usage and (end.usage.input_tokens, end.usage.output_tokens)) == tokens
    assert end.incomplete_reason == ("max_output_tokens" if name == "vllm_basic" else None)
    assert [event.place for event in events if isinstance(event, ReasoningItem)] == ([0] if thoughts else [])


def test_a_cut_answer_that_is_called_complete_is_incomplete() -> None:
    end = end_of(read_all((STREAMS / "llamacpp_thinkonly.txt").read_bytes(), max_output_tokens=40))
    assert isinstance(end, Completed)
    assert (end.text, end.incomplete_reason) == ("", "max_output_tokens")
