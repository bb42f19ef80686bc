"""The rules of a tab, written twice: the page's store and its Python twin agree, and no transport corrupts a text."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader

from chat.services.replies.emoji import NAMES, with_emoji
from chat.text import isolated, sha8, utf16_length, without_hidden
from tests.support.tab import REASONING, Store

ROOT = Path(__file__).parents[1]
STATIC = Path(__file__).parent / "static"
EMOJI_SCRIPT = ROOT / "static" / "src" / "chat" / "emoji.js"
RECORDINGS = sorted((STATIC / "frames").glob("*.jsonl"))
ANSWER, QUESTION = "answer-1", "question-1"
START = "ab12cd34:1"
PIECES = ["Six ", "minutes ", "🥚", ", or ", "👩‍🍳 ", "é", "\n\n", "firm"]
KINDS = ["text", "text", "reasoning", "done"]
Frame = dict[str, Any]


def store() -> Store:
    return Store(cursor=START, rev=1)


def ended(tab: Store, answer: str = ANSWER) -> list[Any]:
    message = tab.find(answer) or {"content": "", "status": ""}
    return [message["content"], message["status"], tab.cursor, tab.syncs]


def thought(tab: Store) -> list[Any]:
    message = tab.find(ANSWER) or REASONING
    return [message["reasoning"], message["reasoning_ms"], message["thinking"]]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_frames_end_in_the_twin_as_they_do_in_the_page(recording: Path) -> None:
    expected = json.loads(recording.with_suffix(".expected.json").read_text())
    tab = store()
    for line in recording.read_text().splitlines():
        tab.apply(json.loads(line))

    names = ("content", "status", "cursor", "syncs")
    assert ended(tab, expected["message_id"]) == [expected[name] for name in names]


@dataclass
class Line:
    """A thread's log with one answer, and a transport between it and a tab that loses, repeats and goes back."""

    pieces: list[tuple[str, str]]  # the kind and the text of each event
    frames: list[Frame] = field(default_factory=list)  # what the tab received
    position: int = 0

    def __post_init__(self) -> None:
        self.log: list[Frame] = []
        question = {"id": QUESTION, "client_id": None, "role": "user", "status": "final", "content": "Eggs?"}
        self._write("message.created", rev=2, message=question)
        self._write("response.started", rev=2, message_id=ANSWER)
        text = reasoning = ""
        for ms, (kind, piece) in enumerate(self.pieces):
            match kind:
                case "text":
                    self._write("response.output_text.delta", message_id=ANSWER, pos=utf16_length(text), delta=piece)
                    text += piece
                case "reasoning":
                    pos = utf16_length(reasoning)
                    self._write("response.reasoning.delta", message_id=ANSWER, pos=pos, delta=piece, ms=ms)
                    reasoning += piece
                case "done":
                    self._write("response.reasoning.done", message_id=ANSWER, ms=ms)
        self.text, self.reasoning = text, reasoning
        self._end()

    def _end(self) -> None:
        end = {"content_length": utf16_length(self.text), "content_sha8": sha8(self.text)}
        end |= {"reasoning_length": utf16_length(self.reasoning), "reasoning_ms": 99}
        self._write("final", rev=3, message_id=ANSWER, status="final", **end)

    def act(self, name: str, amount: int) -> None:
        """Any fault of a connection."""
        match name:
            case "pass":
                self.frames += self.log[self.position : self.position + amount]
                self.position = min(self.position + amount, len(self.log))
            case "lose":
                self.position = min(self.position + amount, len(self.log))
            case "go back":
                self.position = max(self.position - amount, 0)
            case "snapshot":
                self.frames.append(self.snapshot(self.position))
            case "outage":  # of Redis, after which the server sends what the log has
                self.act("rows", amount)
                self.act("snapshot", 0)
            case "rows":  # without Redis: they are behind what was published, and the log has no position
                self.frames.append(self.snapshot(self._behind(amount)) | {"cursor": ""})
            case "word":  # of a worker that took the answer over from a checkpoint
                [*_, answer] = self.snapshot(self._behind(amount))["messages"]
                told = {name: answer[name] for name in REASONING} | {"text": answer["content"]}
                self.frames.append({"type": "response.text", "message_id": ANSWER, **told})

    def _behind(self, amount: int) -> int:
        return min(max(self.position - amount, 1), len(self.log) - 1)

    def snapshot(self, position: int) -> Frame:
        """The thread at a moment, which may be shown again later. The answer is stored with its question."""
        seen = self.log[:position]
        text = self._text_of(seen)
        thoughts = [frame for frame in seen if frame["type"].startswith("response.reasoning.")]
        status = "final" if position == len(self.log) else "streaming"
        messages = [frame["message"] for frame in seen[:1]]
        if position:
            message = {"id": ANSWER, "role": "assistant", "status": status, "content": text, "tools": []}
            messages.append(message | self._thought(thoughts, running=status == "streaming"))
        rev = 3 if status == "final" else min(1 + position, 2)
        place = {"cursor": f"ab12cd34:{position + 1}", "rev": rev}
        return {"type": "thread.snapshot", "title": "", "part": 1, "parts": 1, "messages": messages, **place}

    def _text_of(self, seen: list[Frame]) -> str:
        text = ""
        for frame in seen:
            match frame["type"]:
                case "response.text":
                    text = frame["text"]
                case "response.output_text.delta":
                    text += frame["delta"]
        return text

    def _thought(self, seen: list[Frame], *, running: bool) -> Frame:
        reasoning = "".join(frame.get("delta", "") for frame in seen)
        thinking = running and bool(seen) and seen[-1]["type"] == "response.reasoning.delta"
        ms = (seen[-1]["ms"] if seen else None) if running else 99
        return {"reasoning": reasoning, "reasoning_ms": ms, "thinking": thinking}

    def _write(self, kind: str, **fields: Any) -> None:
        self.log.append({"type": kind, "cursor": f"ab12cd34:{len(self.log) + 2}", **fields})


@dataclass
class TakenOver(Line):
    """Another worker begins where the checkpoint of the first one ended, and its model says something else."""

    others: list[str] = field(default_factory=list)
    kept: int = 0  # characters

    def __post_init__(self) -> None:
        super().__post_init__()
        self.first = self.text
        del self.log[-1]
        text = self.first[: self.kept]
        self._write("response.text", message_id=ANSWER, text=text, reasoning=self.reasoning, reasoning_ms=98)
        for piece in self.others:
            self._write("response.output_text.delta", message_id=ANSWER, pos=utf16_length(text), delta=piece)
            text += piece
        self.text = text
        self._end()


ACTIONS = ["pass", "lose", "go back", "snapshot", "rows", "word"]
acts = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 6)), max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(PIECES)), max_size=12), acts)
def test_over_any_connection_a_tab_shows_a_prefix_of_text_and_reasoning_and_finally_all_of_both(
    pieces: list[tuple[str, str]], happened: list[tuple[str, int]]
) -> None:
    line, tab = Line(pieces), store()
    for name, amount in [*happened, ("pass", 99)]:
        line.act(name, amount)
    shown = ("", "")
    for frame in line.frames:
        before, shown = shown, shows(tab, frame)
        assert line.text.startswith(shown[0])
        assert line.reasoning.startswith(shown[1])
        assert shown >= before or not tab.find(ANSWER), "text never steps back"

    text, status, cursor, syncs = ended(tab)
    if cursor == line.log[-1]["cursor"]:  # otherwise it missed the end, which the reconciler finds
        right = (text, status, thought(tab)) == (line.text, "final", [line.reasoning, 99, False])
        assert right or syncs, "a tab that is wrong knows it"
    tab.apply(line.snapshot(len(line.log)))
    assert [*ended(tab)[:2], *thought(tab)] == [line.text, "final", line.reasoning, 99, False]


def shows(tab: Store, frame: Frame) -> tuple[str, str]:
    """The text and the reasoning after a frame."""
    tab.apply(frame)
    return ended(tab)[0], thought(tab)[0]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.integers(0, 20),
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.lists(st.tuples(st.sampled_from(["pass", "pass", "outage"]), st.integers(1, 4)), max_size=30),
)
def test_the_text_of_a_worker_that_is_not_the_first_ones_replaces_it(
    pieces: list[str], kept: int, others: list[str], happened: list[tuple[str, int]]
) -> None:
    line, tab = TakenOver([("text", piece) for piece in pieces], others=others, kept=kept), store()
    for name, amount in [*happened, ("pass", 99)]:
        line.act(name, amount)
    for frame in line.frames:
        text, _ = shows(tab, frame)
        assert line.first.startswith(text) or line.text.startswith(text)

    text, status, _, syncs = ended(tab)
    assert (text, status) == (line.text, "final") or syncs
    tab.apply(line.snapshot(len(line.log)))
    assert ended(tab)[:2] == [line.text, "final"]


def test_the_page_and_the_twin_come_to_the_same_end() -> None:
    chance, lines = Random(7), []
    for _ in range(500):
        count = chance.randint(0, 12)
        pieces = list(zip(chance.choices(KINDS, k=count), chance.choices(PIECES, k=count), strict=True))
        others = chance.choices(PIECES, k=chance.randint(0, 4))
        line = chance.choice([Line(pieces), TakenOver(pieces, others=others, kept=chance.randint(0, 20))])
        for _ in range(chance.randint(1, 30)):
            line.act(chance.choices(ACTIONS, weights=[5, 1, 1, 1, 1, 1])[0], chance.randint(1, 4))
        lines.append(line)
    twins = []
    for line in lines:
        tab = store()
        for frame in line.frames:
            tab.apply(frame)
        twins.append([*ended(tab), *thought(tab)])
    histories = json.dumps([line.frames for line in lines])
    node = ["node", str(STATIC / "twin.mjs")]
    page = subprocess.run(node, input=histories, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == twins
    assert sum(1 for _, _, _, syncs, *_ in twins if syncs) > 100


class Queue:
    """A thread's log of changes of its queue, each whole, and a transport that loses, repeats and goes back."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        items: list[Frame] = []
        self.log: list[Frame] = []
        for rev in range(2, 2 + chance.randint(1, 8)):
            if items and chance.random() < 0.4:
                items = [*items]
                items.pop(chance.randrange(len(items)))
            else:
                items = [*items, {"client_id": f"client-{rev}", "content": chance.choice(PIECES), "model": ""}]
            paused = chance.choice(["", "", "Paused."]) if items else ""
            change = {"type": "queue.changed", "cursor": f"ab12cd34:{rev}", "rev": rev, "paused": paused}
            self.log.append(change | {"items": items})

    @property
    def end(self) -> Frame:
        """What is stored at last."""
        return {name: self.log[-1][name] for name in ("paused", "items")}

    def frames(self) -> Iterator[Frame]:
        """What a tab receives: any of the changes, in any order, some as part of a snapshot."""
        for _ in range(self.chance.randint(0, 12)):
            change = self.chance.choice(self.log)
            yield self.chance.choice([change, change, self.snapshot(change)])

    def snapshot(self, change: Frame) -> Frame:
        """The thread after a change, as a tab gets it at any later time."""
        queue = {name: change[name] for name in ("paused", "items")}
        place = {"cursor": change["cursor"], "rev": change["rev"]}
        return {"type": "thread.snapshot", "title": "", "part": 1, "parts": 1, "messages": [], "queue": queue, **place}


def test_the_page_and_the_twin_have_the_same_queue_and_the_right_one_unless_they_ask_for_a_snapshot() -> None:
    chance = Random(23)
    queues = [Queue(chance) for _ in range(500)]
    histories = [[*queue.frames(), queue.log[-1]] for queue in queues]
    twins = []
    for frames in histories:
        tab = store()
        for frame in frames:
            tab.apply(frame)
        twins.append([tab.queue, tab.rev, tab.cursor, tab.syncs])
    node = ["node", str(STATIC / "queue_twin.mjs")]
    given = json.dumps(histories)
    page = subprocess.run(node, input=given, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == twins
    assert [queue for queue, *_ in twins] == [queue.end for queue in queues]
    assert 100 < sum(1 for *_, syncs in twins if syncs) < 500


def pages() -> Environment:
    """The templates without the app."""
    found = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=True)
    found.filters |= {"attributes": str, "contained": str, "exact": str}  # of components that these tests do without
    return found


def test_the_page_and_its_template_name_the_same_durations() -> None:
    times = [0, 1, 999, 1_000, 12_345, 59_999, 60_000, 61_000, 119_999, 3_723_000]
    message = pages().get_template("chat/_message.html")
    rendered = [str(message.module.thought_for(ms)) for ms in times]  # type: ignore[attr-defined]
    script = f"import {{ thoughtFor }} from '{ROOT}/static/src/chat/durations.js';"
    script += f"console.log(JSON.stringify({times}.map(thoughtFor)))"
    node = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(node, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == rendered


def test_the_page_and_the_server_isolate_the_same_titles() -> None:
    chance = Random(7)
    marks = [*"ab1 (🥚", "\u05d0", "\u0623", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
    titles = ["".join(chance.choices(marks, k=chance.randint(0, 8))) for _ in range(500)]
    script = f"import {{ isolated }} from '{ROOT}/static/src/chat/isolates.js';"
    script += f"console.log(JSON.stringify({json.dumps(titles)}.map(isolated)))"
    node = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(node, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == [isolated(title) for title in titles]


def test_the_page_and_the_server_hide_the_same_characters() -> None:
    chance = Random(19)
    flag = "".join(chr(0xE0000 + ord(one)) for one in "gbeng\x7f")
    pieces = [
        *"aé卵\U00020000😀🏴",
        f"🏴{flag}",
        *flag,
        *map(chr, range(0x2060, 0x2070)),
        *"\u200b\u200c\u200d\u200e\ufe0f\ufe00",
    ]
    pieces += [
        chr(code)
        for code in (0xAD, 0x34F, 0x115F, 0x180B, 0x180F, 0xFFF0, 0xFFFB, 0xE0100, 0xE01EF, 0xE01F0, 0xE0FFF, 0xFEFF)
    ]
    texts = ["".join(chance.choices(pieces, k=chance.randint(0, 14))) for _ in range(3_000)]
    script = f"import {{ withoutHidden }} from '{ROOT}/static/src/chat/invisible.js';"
    script += "let given = ''; for await (const piece of process.stdin) given += piece;"
    script += "console.log(JSON.stringify(JSON.parse(given).map(withoutHidden)))"
    node = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(node, input=json.dumps(texts), stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == [without_hidden(text) for text in texts]


def test_the_page_and_its_template_fold_the_same_texts() -> None:
    texts = [
        "",
        "x",
        "\n" * 11,
        "\n" * 12,
        "a\r\nb" * 13,
        "x" * 1_500,
        "x" * 1_501,
        "😀" * 1_500,
        "😀" * 1_501,
        "y\n" * 2_000,
    ]
    template = pages().get_template("chat/_message.html")
    macros: Any = template.module
    script = f"""
        import {{ sizeOf }} from '{ROOT}/static/src/chat/long_text.js';
        console.log(JSON.stringify({json.dumps(texts)}.map(sizeOf)));
    """
    node = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(node, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == [str(macros.size_of(text)) for text in texts]


def test_the_page_and_titles_show_the_same_emoji() -> None:
    chance = Random(5)
    parts = [
        ":wave:",
        ":+1:",
        ":unknown:",
        ":heart:.",
        "(:tada:)",
        "user:key:1",
        "fe80::1:100:2",
        "12:30:45",
        "שלום",
        "😀",
        ":",
        "a",
    ]
    lines = [chance.choice(["", " "]).join(chance.choices(parts, k=chance.randint(1, 5))) for _ in range(500)]
    script = f"""
        import {{ withEmoji }} from '{ROOT}/static/src/chat/emoji.js';
        const whole = (line) => withEmoji(line, {{ isFirst: true, isLast: true }});
        console.log(JSON.stringify({json.dumps([*lines, NAMES])}.map(whole)));
    """
    node = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(node, stdout=subprocess.PIPE, text=True, timeout=50, check=True)

    assert json.loads(page.stdout) == [with_emoji(line) for line in [*lines, NAMES]]
    assert NAMES.split() == re.search("const NAMES = `(.*?)`", EMOJI_SCRIPT.read_text(), re.DOTALL)[1].split()  # type: ignore[index]
