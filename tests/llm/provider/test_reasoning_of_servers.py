"""What a model thinks is read once, in whichever form, and never as text of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.llm.events import Completed, Failed, ReasoningItem
from chat.llm.provider.thinking import TAGS, Splitter, visible
from tests.support.provider_streams import (
    added,
    completed,
    delta,
    done,
    end_of,
    message,
    read_all,
    reasoning,
    sse,
    text_of,
    thoughts_of,
)


def thought(text: Any, kind: str = "reasoning_summary_text", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": text, **fields}


def thought_done(text: Any, kind: str = "reasoning_summary_text", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.done", "text": text, **fields}


ITEM = reasoning("One.", "Two.")
RAW = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "One."}]}
PART = {"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}}
BEGUN = added(reasoning())
FORMS: dict[str, tuple[list[Any], str]] = {
    "summary": ([BEGUN, thought("On"), thought("e."), done(ITEM)], "One."),
    "reasoning text": ([thought("One.", "reasoning_text")], "One."),
    "reasoning": ([thought("One.", "reasoning")], "One."),
    "summary done": ([thought_done("One.")], "One."),
    "reasoning text done": ([thought_done("One.", "reasoning_text")], "One."),
    "reasoning done": ([thought_done("One.", "reasoning")], "One."),
    "pieces and done": ([thought("On"), thought_done("One."), thought_done("One.")], "One."),
    "part done": (
        [{"type": "response.reasoning_summary_part.done", "part": {"type": "summary_text", "text": "One."}}],
        "One.",
    ),
    "content part done": (
        [
            thought("One.", "reasoning_text"),
            {"type": "response.content_part.done", "part": {"type": "reasoning_text", "text": "One."}},
        ],
        "One.",
    ),
    "item done": ([done(ITEM)], "One.\n\nTwo."),
    "raw item done": ([done(RAW)], "One."),
    "item done twice": ([done(ITEM), done(ITEM)], "One.\n\nTwo."),
    "parts by event": ([PART, thought("One."), PART, thought("Two.")], "One.\n\nTwo."),
    "parts by number": ([thought("One.", summary_index=0), thought("Two.", summary_index=1)], "One.\n\nTwo."),
    "two items": ([done(reasoning("One.")), done(reasoning("Two.", id="rs_2"))], "One.\n\nTwo."),
    "two items in pieces": ([BEGUN, thought("One."), added(reasoning(id="rs_2")), thought("Two.")], "One.\n\nTwo."),
    "summary and raw text": ([thought("One."), thought("Raw.", "reasoning_text"), thought(" And.")], "One. And."),
    "null": ([BEGUN, thought(None), thought(7), done({**ITEM, "summary": None})], ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_thoughts_of_any_form_come_once(form: str) -> None:
    events, thoughts = FORMS[form]
    read = read_all(sse(*events, delta("Hello"), completed(message("Hello"))))
    assert (thoughts_of(read), text_of(read)) == (thoughts, "Hello")
    end = end_of(read)
    assert isinstance(end, Completed)
    assert end.text == "Hello"


def items_of(events: list[Any]) -> list[tuple[dict[str, Any], int]]:
    return [(event.item, event.place) for event in events if isinstance(event, ReasoningItem)]


def test_items_only_in_the_last_event_come_too() -> None:
    read = read_all(sse(completed(ITEM, message("Hello"), {**RAW, "id": "rs_2"})))
    assert (thoughts_of(read), text_of(read)) == ("One.\n\nTwo.\n\nOne.", "Hello")
    assert items_of(read) == [(ITEM, 0), ({**RAW, "id": "rs_2"}, 5)]


@pytest.mark.parametrize("other_id", ["rs_1", "rs_other"])
def test_an_item_comes_once_although_its_id_changes(other_id: str) -> None:
    read = read_all(sse(BEGUN, done(ITEM), delta("Hello"), completed({**ITEM, "id": other_id}, message("Hello"))))
    assert items_of(read) == [(ITEM, 0)]


def test_an_item_that_ends_after_the_text_keeps_its_place() -> None:
    read = read_all(sse(BEGUN, thought("One."), delta("Hello"), done(ITEM), delta(" you"), completed()))
    assert (items_of(read), text_of(read)) == ([(ITEM, 0)], "Hello you")
    read = read_all(sse(delta("Hello"), done(message("Hello")), BEGUN, done(ITEM), completed()))
    assert items_of(read) == [(ITEM, 5)]


def test_an_item_can_be_stored() -> None:
    data = b'{"type":"response.output_item.done","item":{"type":"reasoning","a\\u0000":[NaN,1e999,"\\ud800"]}}'
    [(item, _)] = items_of(read_all(sse(data, completed())))
    assert item == {"type": "reasoning", "a\ufffd": [None, None, "\ufffd"]}


def test_an_answer_cut_off_while_thinking_is_incomplete() -> None:
    details = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    end = end_of(read_all(sse(BEGUN, thought("One."), {**completed(ITEM, **details), "type": "response.incomplete"})))
    assert isinstance(end, Completed)
    assert (end.text, end.incomplete_reason) == ("", "max_output_tokens")


def test_thoughts_without_end_end() -> None:
    end = end_of(read_all(sse(*[thought("x" * 2**20) for _ in range(10)], completed())))
    assert isinstance(end, Failed)
    assert end.detail == "there is too much reasoning"
    end = end_of(read_all(sse(*[done(reasoning(id=str(number))) for number in range(1100)], completed())))
    assert isinstance(end, Failed)


def test_a_part_that_begins_after_a_resume_is_a_paragraph() -> None:
    rest = [thought("e."), PART, thought("Two.")]
    assert thoughts_of(read_all(sse(*rest, completed()), sequence=4, resumable=True)) == "e.\n\nTwo."
    assert thoughts_of(read_all(sse(PART, thought("Two."), completed()), sequence=4, resumable=True)) == "\n\nTwo."


# Tags in the text

TAGGED: dict[str, tuple[str, str, str]] = {
    "one block": ("<think>Hm.</think>Hello", "Hm.", "Hello"),
    "with newlines": ("\n<think>\nHm. Well.\n</think>\n\nHello\n", "Hm. Well.", "Hello\n"),
    "two blocks": ("<think>Hm.</think>\n<think>Well.</think>\nHello", "Hm.\n\nWell.", "Hello"),
    "empty": ("<think>\n\n</think>\n\nHello", "", "Hello"),
    "upper case": ("<THINK>Hm.</Think>Hello", "Hm.", "Hello"),
    "no end": ("<think>Hm. Hello", "Hm. Hello", ""),
    "half an end": ("<think>Hm. </thi", "Hm. </thi", ""),
    "a tag in the block": ("<think>a <b>x</b> < y </thin </think>Hello", "a <b>x</b> < y </thin", "Hello"),
    "not at the start": ("Use <think>Hm.</think> in it.", "", "Use <think>Hm.</think> in it."),
    "another tag": ("<thinker>Hm.</thinker>", "", "<thinker>Hm.</thinker>"),
    "the start of a tag": ("<thi", "", "<thi"),
    "no tag": ("  Hello", "", "  Hello"),
    "only spaces": ("  \n", "", "  \n"),
    "a later end": ("Hello</think>", "", "Hello</think>"),
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", TAGGED)
def test_a_tagged_block_at_the_start_is_reasoning(name: str, size: int) -> None:
    sent, thoughts, text = TAGGED[name]
    pieces = [delta(sent[at : at + size]) for at in range(0, len(sent), size)]
    for events in ([*pieces, completed()], [*pieces, completed(message(sent))], [completed(message(sent))]):
        read = read_all(sse(*events))
        assert (thoughts_of(read), text_of(read)) == (thoughts, text)
        end = end_of(read)
        assert isinstance(end, Completed)
        assert end.text == text


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_is_closed_by_its_own(tag: str) -> None:
    read = read_all(sse(*[delta(character) for character in f"{tag}Hm.{TAGS[tag]}Hello"], completed()))
    assert (thoughts_of(read), text_of(read)) == ("Hm.", "Hello")


def test_each_message_can_begin_with_a_block() -> None:
    events = [done(message(f"<think>Hm {name}.</think>Hello {name}.", id=name)) for name in ("a", "b")]
    read = read_all(sse(*events, completed()))
    assert (thoughts_of(read), text_of(read)) == ("Hm a.\n\nHm b.", "Hello a.\n\nHello b.")


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "</th", "[THINK]", "a", " ", "\n", "İ", "🎉"]), max_size=12)
)
def test_a_text_split_anywhere_is_the_same_text(pieces: list[str]) -> None:
    splitter = Splitter()
    split = [told for piece in pieces for told in splitter.feed(piece)] + list(splitter.end())
    assert "".join(text for block, text in split if not block) == visible("".join(pieces))


def test_held_text_is_bounded() -> None:
    splitter = Splitter()
    told = "".join(text for _ in range(5000) for _, text in splitter.feed(" "))
    assert 5000 - len(told) < 2000


def numbered(*events: Any) -> list[Any]:
    return [{**event, "sequence_number": number} for number, event in enumerate(events, start=1)]


def test_a_stream_that_is_resumed_anywhere_repeats_no_reasoning() -> None:
    whole = numbered(
        BEGUN, PART, thought("On"), thought("e."), thought_done("One."), PART, thought("Two."), thought_done("Two."),
        done(ITEM), delta("Yes"), delta("."), completed(ITEM, message("Yes.")),
    )  # fmt: skip
    for cut in range(2, len(whole)):
        came = read_all(sse(*whole[:cut]), resumable=True)
        last = max((event.sequence for event in came if getattr(event, "text", "")), default=0)
        rest = read_all(sse(*whole[last:]), sequence=last, resumable=True)
        assert (thoughts_of(came) + thoughts_of(rest)).lstrip("\n") == "One.\n\nTwo.", cut
