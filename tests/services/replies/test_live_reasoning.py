"""Reasoning is published, kept and resumed like the text beside it: no character is lost or doubled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random

import pytest

from chat.broadcast import Append, Broadcast, LogPosition
from chat.events import ReasoningDelta, ReasoningDone, ResponseText, TextDelta, decode_logged, with_cursor
from chat.services.replies.lease import NOTHING, AnswerSoFar, Claim
from chat.services.replies.live_text import LiveText
from chat.services.replies.snapshot import answer_so_far
from chat.services.replies.thoughts import ELLIPSIS, MAX_BYTES, Thoughts
from tests.support.claims import claim
from tests.support.site import Site
from tests.support.tab import Store

PIECES = ["Six ", "minutes ", "🥚", ", or ", "👩‍🍳 ", "é", " \n", "firm"]


def live(owned: Claim, broadcast: Broadcast, so_far: AnswerSoFar = NOTHING, *, repeats: bool = False) -> LiveText:
    return LiveText(owned, broadcast=broadcast, flush_seconds=0, so_far=so_far, repeats=repeats)


async def frames(owned: Claim, broadcast: Broadcast) -> list[dict[str, object]]:
    """The thread's log, as a tab gets it."""
    log = await broadcast.log.read(owned.thread_id)
    return [json.loads(with_cursor(payload, LogPosition(log.end.epoch, offset))) for offset, payload in log.entries]


def kinds(shown: list[dict[str, object]]) -> list[object]:
    return [str(frame["type"]).removeprefix("response.") for frame in shown]


# -- the text of it ---------------------------------------------------------------------------------------------


def test_the_reasoning_of_each_round_is_behind_a_blank_line() -> None:
    thoughts = Thoughts()
    for round_of_pieces in (["\n", "\nfirst", ""], [""], ["\n", "sec", "ond"], ["\n\nthird"]):
        for piece in round_of_pieces:
            thoughts.think(piece)
        thoughts.start_round()

    assert thoughts.text == "first\n\nsecond\n\nthird"


@pytest.mark.parametrize("piece", ["x" * 1000, "é" * 999, "🥚" * 501, "x" * MAX_BYTES, "a🥚" * MAX_BYTES])
def test_reasoning_is_cut_at_64_kib_and_ends_with_an_ellipsis(piece: str) -> None:
    thoughts = Thoughts()
    for _ in range(200):
        thoughts.think(piece)
    text, whole = thoughts.text, piece * 200

    assert MAX_BYTES - 8 < len(text.encode()) <= MAX_BYTES
    assert text.endswith(ELLIPSIS)
    assert whole.startswith(text.removesuffix(ELLIPSIS))


def test_reasoning_that_was_cut_stays_cut_in_the_next_worker() -> None:
    first = Thoughts()
    first.think("é" * MAX_BYTES)
    second = Thoughts(first.text, overlap=500)
    second.think("é" * 700)
    second.start_round()
    second.think("more")

    assert second.text == first.text
    assert second.before_repeat == first.text, "what comes again is dropped"


def test_a_repeated_beginning_is_dropped_whatever_line_breaks_the_resumed_stream_has() -> None:
    thoughts = Thoughts("one\n\ntwo", overlap=8)
    for piece in ("\n\none", "\n\n", "tw", "o, three"):
        thoughts.think(piece)

    assert (thoughts.text, thoughts.repeats) == ("one\n\ntwo, three", False)


# -- on the log -------------------------------------------------------------------------------------------------


async def test_reasoning_is_shown_before_the_text_that_follows_it(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    answer = live(owned, broadcast)
    await answer.announce()
    answer.think("", sequence=1)
    await answer.flush()
    answer.think("I must ", sequence=2)
    answer.think("count.", sequence=3)
    answer.add("Four", sequence=4)
    await answer.flush()
    answer.think("Again?", sequence=5)
    await answer.flush()
    answer.stop_thinking()
    await answer.flush()
    shown = await frames(owned, broadcast)

    told = ["reasoning.delta", "reasoning.delta", "reasoning.done", "output_text.delta"]
    assert kinds(shown) == ["started", *told, "reasoning.delta", "reasoning.done"]
    assert [frame["pos"] for frame in shown if frame["type"] == "response.reasoning.delta"] == [0, 0, 13]
    times = [int(str(frame["ms"])) for frame in shown if "ms" in frame]
    assert times == sorted(times)


async def test_thinking_without_words_is_told_once_and_ended_once(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    answer = live(owned, broadcast)
    await answer.announce()
    for sequence in range(5):
        answer.think("", sequence=sequence)
        await answer.flush()
    answer.add("Four", sequence=9)
    await answer.flush()

    assert kinds(await frames(owned, broadcast))[1:] == ["reasoning.delta", "reasoning.done", "output_text.delta"]
    assert answer.so_far.reasoning_ms is not None


async def test_a_thought_that_ended_before_anything_was_published_is_told(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    answer = live(owned, broadcast)
    answer.think("", sequence=1)
    answer.add("Four", sequence=2)
    await answer.flush()

    assert kinds(await frames(owned, broadcast)) == ["reasoning.done", "output_text.delta"]


async def test_an_answer_without_thoughts_has_no_event_of_reasoning(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    answer = live(owned, broadcast)
    answer.add("Four", sequence=2)
    answer.stop_thinking()
    await answer.flush()

    assert kinds(await frames(owned, broadcast)) == ["output_text.delta"]
    assert answer.checkpoint().columns()[2:] == ("", None, False)


async def test_a_new_log_begins_with_all_of_the_reasoning(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    answer = live(owned, broadcast)
    await answer.announce()
    answer.think("I must ", sequence=1)
    await answer.flush()
    await broadcast.log.forget([owned.thread_id])
    answer.think("count.", sequence=2)
    await answer.flush()
    [whole] = [decode_logged(payload) for _, payload in (await broadcast.log.read(owned.thread_id)).entries]

    assert isinstance(whole, ResponseText)
    assert (whole.text, whole.reasoning, whole.thinking) == ("", "I must count.", True)
    assert whole.reasoning_ms is not None


async def test_a_checkpoint_is_continued_by_the_log(site: Site) -> None:
    owned, broadcast = claim(), site.resources.broadcast
    thread, answer = owned.thread_id, owned.answer_id
    first = await broadcast.log.append(Append(thread, ReasoningDelta(answer, 0, "Hé🥚", 10)))
    at = LogPosition(first.epoch, first.offset)
    kept = AnswerSoFar("", "Hé🥚", 10, thinking=True)
    assert await answer_so_far(thread, answer, kept, at, broadcast) == kept, "a model that thinks on in silence"
    for event in (ReasoningDelta(answer, 2, "🥚 there", 20), ReasoningDone(answer, 30), TextDelta(answer, 0, "Hi")):
        await broadcast.log.append(Append(thread, event))

    found = AnswerSoFar("Hi", "Hé🥚 there", 30, thinking=False)
    assert await answer_so_far(thread, answer, kept, at, broadcast) == found
    assert await answer_so_far(thread, answer, NOTHING, LogPosition(), broadcast) == found
    await broadcast.log.append(Append(thread, ReasoningDelta(answer, 99, "lost", 40)))
    await broadcast.log.append(Append(thread, TextDelta(answer, 2, " Ann")))
    assert await answer_so_far(thread, answer, kept, at, broadcast) == found, "a hole"


async def test_while_reasoning_comes_again_a_checkpoint_still_leads_to_all_that_was_shown(site: Site) -> None:
    first, broadcast = claim(), site.resources.broadcast
    answer = live(first, broadcast)
    answer.think("Hello", sequence=1)
    await answer.flush()
    kept = answer.checkpoint()
    answer.think(" there", sequence=2)
    await answer.flush()
    second = claim(4, kept, like=first)
    answer = live(second, broadcast, AnswerSoFar("", "Hello there", 5, thinking=True), repeats=True)
    await answer.announce()
    for number, piece in enumerate((" th", "ere, you"), start=2):
        early = answer.checkpoint()
        found = await answer_so_far(first.thread_id, first.answer_id, early.answer, early.position, broadcast)
        assert (early.answer.reasoning, found.reasoning) == ("Hello there"[: 3 * number - 1], "Hello there")
        answer.think(piece, sequence=number)
    await answer.flush()

    assert (answer.checkpoint().answer.reasoning, answer.checkpoint().position) == ("Hello there, you", answer.position)


# -- lost workers, lost logs ------------------------------------------------------------------------------------


@dataclass
class Stream:
    """A run of the provider with numbered events, which it can send again after any of them."""

    chance: Random
    events: list[tuple[str, str]] = field(default_factory=list)  # what they are, and their text
    begins: bool = True  # a part whose first words have not come

    def __post_init__(self) -> None:
        for _ in range(self.chance.randint(1, 25)):
            kind = self.chance.choice(["part", "reasoning", "reasoning", "text", "text", "tool"])
            self.events.append((kind, self.chance.choice(PIECES)))
            if kind == "part":
                self.events.append(("reasoning", self.chance.choice(PIECES)))

    def play(self, answer: LiveText, after: int, until: int) -> None:
        """The events of these numbers, as the reader of a new stream yields them."""
        for number in range(after + 1, until + 1):
            kind, piece = self.events[number]
            match kind:
                case "part":
                    self.begins = True
                    answer.think("", sequence=number)
                case "reasoning":
                    answer.think("\n\n" + piece if self.begins else piece, sequence=number)
                    self.begins = False
                case "text":
                    answer.add(piece, sequence=number)
                case "tool":
                    answer.stop_thinking()


async def play_with_faults(stream: Stream, broadcast: Broadcast) -> tuple[LiveText, Claim, Store]:
    """Workers come and go, the log is lost, and in the end everything was received."""
    chance, owned = stream.chance, claim()
    question = {"id": str(owned.parent_id), "role": "user", "status": "final", "content": "Why?"}
    tab = Store(rev=2, messages=[question])
    answer = live(owned, broadcast)
    await answer.announce()
    at, kept, last = -1, answer.checkpoint(), len(stream.events) - 1
    while at < last:
        until = min(last, at + chance.randint(1, 5))
        stream.play(answer, at, until)
        at = until
        match chance.randint(0, 5):
            case 0 | 1:
                await answer.flush()
            case 2:
                kept = answer.checkpoint()
            case 3:
                await broadcast.log.forget([owned.thread_id])
            case 4:
                owned = claim(owned.fence + 2, kept, like=owned)
                salvaged = await answer_so_far(owned.thread_id, owned.answer_id, kept.answer, kept.position, broadcast)
                answer, at = live(owned, broadcast, salvaged, repeats=True), kept.sequence
                stream.begins = at < 0
                await answer.announce()
    answer.stop_thinking()
    await answer.flush()
    return answer, owned, tab


@pytest.mark.parametrize("seed", range(60))
async def test_nothing_is_lost_or_doubled_over_lost_workers_and_logs(site: Site, seed: int) -> None:
    stream, broadcast = Stream(Random(seed)), site.resources.broadcast
    undisturbed = live(claim(), broadcast)
    stream.play(undisturbed, -1, len(stream.events) - 1)
    stream.begins = True
    answer, owned, tab = await play_with_faults(stream, broadcast)
    log = await frames(owned, broadcast)
    for frame in log:
        tab.apply(frame)
    shown = tab.find(str(owned.answer_id)) or {}
    wanted = undisturbed.so_far

    assert (answer.so_far.text, answer.so_far.reasoning) == (wanted.text, wanted.reasoning)
    found = await answer_so_far(
        owned.thread_id, owned.answer_id, answer.checkpoint().answer, answer.position, broadcast
    )
    assert (found.text, found.reasoning, found.thinking) == (wanted.text, wanted.reasoning, False)
    if kinds(log)[:1] != ["started"]:  # the log was lost: a tab that knows nothing of the answer asks
        assert bool(tab.syncs) == bool(log)
    else:
        assert tab.syncs == 0
        assert (shown["content"], shown["reasoning"], shown["thinking"]) == (wanted.text, wanted.reasoning, False)
