"""Versions of a chat, simulated: whatever the transport does, both twins of a tab show the path that the server has."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.support.tab import Store

STATIC = Path(__file__).parent / "static"
THREADS = 250
LOST = 0.05  # of the events: Redis was unavailable
START = {"rev": 0, "cursor": "ab12cd34:0"}
Frame = dict[str, Any]


@dataclass
class Thread:
    """The messages of a thread by number, each with its parent; the log; and the answer that is being written."""

    chance: Random
    parents: dict[int, int | None] = field(default_factory=dict)
    head: int | None = None
    running: int | None = None
    rev: int = 0
    count: int = 0
    log: list[Frame] = field(default_factory=list)

    def path(self) -> list[int]:
        found, one = [], self.head
        while one is not None:
            found.append(one)
            one = self.parents[one]
        return found[::-1]

    def below(self, number: int) -> set[int]:
        found = {number}
        for one in sorted(self.parents):
            if self.parents[one] in found:
                found.add(one)
        return found

    def step(self) -> None:
        act = self.chance.choice(["ask", "ask", "ask", "edit", "again", "switch", "delete"])
        if self.running and act in ("ask", "edit", "again"):
            self._end()
        elif act == "switch" and self.parents:
            self.head = max(self.below(self.chance.choice(sorted(self.parents))))
            self._path_changed()
        elif act == "delete" and self.parents and self.chance.random() < 0.4:
            self._delete(self.chance.choice(sorted(self.parents)))
            self._path_changed()
        elif act in ("ask", "edit", "again"):
            self._answer(act)

    def _answer(self, act: str) -> None:
        """A question is an even number of messages from the beginning."""
        questions, answers = self.path()[::2], self.path()[1::2]
        if act == "again" and answers:
            parent = self.parents[self.chance.choice(answers)]
            self.running = self._add(parent)
            self._created(self.running, "assistant", "streaming")
            return
        edited = act == "edit" and questions
        question = self._add(self.parents[self.chance.choice(questions)] if edited else self.head)
        self._created(question, "user", "final")
        self.running = self._add(question)
        self._write("response.started", rev=self.rev, message_id=self.running, parent_id=question)

    def _end(self) -> None:
        text = "ab"[: self.chance.randint(0, 2)]
        for pos, delta in enumerate(text):
            self._write("response.output_text.delta", message_id=self.running, pos=pos, delta=delta)
        self.rev += 1
        end = {"rev": self.rev, "message_id": self.running, "code": "x", "message": "x", "retryable": True}
        self._write("response.error", **end)
        self.running = None

    def _delete(self, number: int) -> None:
        gone, parent = self.below(number), self.parents[number]
        self.running = None if self.running in gone else self.running
        for one in gone:
            del self.parents[one]
        siblings = [one for one in self.parents if self.parents[one] == parent]
        if self.head in gone:
            self.head = max(self.below(max(siblings))) if siblings else parent

    def _add(self, parent: int | None) -> int:
        self.count += 1
        self.parents[self.count] = parent
        self.head = self.count
        return self.count

    def _created(self, number: int, role: str, status: str) -> None:
        self.rev += 1
        self._write("message.created", rev=self.rev, message=self._view(number, role, status))

    def _view(self, number: int, role: str, status: str) -> Frame:
        versions = [one for one in self.parents if self.parents[one] == self.parents[number]]
        place = {"parent_id": self.parents[number], "versions": versions if len(versions) > 1 else []}
        return {"id": number, "client_id": None, "role": role, "status": status, "content": "", "tools": [], **place}

    def _path_changed(self) -> None:
        self.rev += 1
        self._write("path.changed", rev=self.rev, head_id=self.head)

    def _write(self, kind: str, **fields: Any) -> None:
        if self.chance.random() > LOST:
            self.log.append({"type": kind, "cursor": f"ab12cd34:{len(self.log) + 1}", **fields})

    def snapshot(self, position: int) -> Frame:
        """The place in the log is read before the rows."""
        path = self.path()
        messages = [
            self._view(one, "user" if n % 2 == 0 else "assistant", "streaming" if one == self.running else "final")
            for n, one in enumerate(path)
        ]
        running = {"message_id": self.running, "shown": self.running in path} if self.running else None
        position_fields = {"cursor": f"ab12cd34:{position}", "rev": self.rev, "title": "", "part": 1, "parts": 1}
        return {"type": "thread.snapshot", **position_fields, "messages": messages, "running": running}


@dataclass
class Watcher:
    """A tab, by its Python twin, the frames that it received, and what its page came with."""

    store: Store = field(default_factory=lambda: Store(**START))  # type: ignore[arg-type]
    frames: list[Frame] = field(default_factory=list)
    seen: int = 0
    begin: Frame = field(default_factory=lambda: START)
    asked: int = -1  # what `syncs` was at the last snapshot

    @property
    def shown(self) -> list[Any]:
        return [message["id"] for message in self.store.messages]

    @property
    def wants_snapshot(self) -> bool:
        return self.store.syncs > self.asked

    def receive(self, thread: Thread) -> None:
        while self.seen < len(thread.log):
            self._take(thread.log[self.seen])
            self.seen += 1

    def act(self, thread: Thread, chance: Random) -> None:
        if chance.random() < 0.1:
            self.seen = max(0, self.seen - chance.randint(0, 6))  # a replay from further back
        if self.wants_snapshot and chance.random() < 0.6:
            self.renew(thread, max(0, len(thread.log) - chance.randint(0, 3)))
        elif chance.random() < 0.75:
            self.receive(thread)

    def renew(self, thread: Thread, position: int) -> None:
        self.seen, self.asked = position, self.store.syncs
        self._take(thread.snapshot(position))

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.store.apply(frame)


def history(seed: int) -> tuple[Thread, Watcher]:
    """A thread and a tab at rest: it has received everything, and a snapshot if it asked, or if its rev is behind."""
    chance = Random(seed)
    thread, watcher = Thread(chance), Watcher()
    for _ in range(chance.randint(20, 120)):
        thread.step()
        watcher.act(thread, chance)
        if not watcher.wants_snapshot and watcher.store.rev == thread.rev and watcher.seen == len(thread.log):
            missing = thread.running is not None and thread.running not in watcher.shown  # its start was lost
            known = thread.path()[:-1] if missing else thread.path()
            assert watcher.shown in (thread.path(), known), f"seed {seed}: a tab that is wrong knows it"
    for _ in range(3):
        watcher.receive(thread)
        lacks = thread.running in thread.path() and thread.running not in watcher.shown
        if watcher.wants_snapshot or watcher.store.rev < thread.rev or lacks:
            watcher.renew(thread, len(thread.log))
    return thread, watcher


def older_part(seed: int) -> tuple[Thread, list[int], Watcher]:
    """A thread, the messages that a search led to, and a tab that shows them alone, at rest."""
    chance = Random(seed)
    thread = Thread(chance)
    for _ in range(chance.randint(4, 40)):
        thread.step()
    path, statuses = thread.path(), {thread.running: "streaming"}
    ids = path[: chance.randint(0, len(path))]
    messages = [thread._view(one, "assistant", statuses.get(one, "final")) for one in ids]
    begin = {"rev": thread.rev, "cursor": f"ab12cd34:{len(thread.log)}", "messages": messages, "detached": True}
    watcher = Watcher(Store(**begin), seen=len(thread.log), begin=begin)  # type: ignore[arg-type]
    for _ in range(chance.randint(20, 80)):
        thread.step()
        watcher.act(thread, chance)
    watcher.receive(thread)
    watcher.renew(thread, len(thread.log))
    return thread, ids, watcher


def agree(watchers: list[Watcher]) -> bool:
    """Whether the page's store ends as its twin does."""
    histories = json.dumps([{"begin": watcher.begin, "frames": watcher.frames} for watcher in watchers])
    node = ["node", str(STATIC / "path_twin.mjs")]
    page = subprocess.run(node, input=histories, stdout=subprocess.PIPE, text=True, timeout=50, check=True)
    ends = [
        [
            [[message["id"], message["status"]] for message in store.messages],
            store.elsewhere,
            store.rev,
            store.syncs,
        ]
        for store in (watcher.store for watcher in watchers)
    ]
    assert json.loads(page.stdout) == ends
    return True


def test_at_rest_both_twins_show_the_path_of_the_server() -> None:
    ends = [history(seed) for seed in range(THREADS)]
    for seed, (thread, watcher) in enumerate(ends):
        assert watcher.shown == thread.path(), f"seed {seed}"

    assert agree([watcher for _, watcher in ends])
    assert sum(watcher.store.syncs for _, watcher in ends) > THREADS


def test_a_tab_with_an_older_part_shows_that_part_whatever_happens() -> None:
    ends = [older_part(seed) for seed in range(THREADS)]
    for seed, (thread, ids, watcher) in enumerate(ends):
        assert watcher.shown == ids, f"seed {seed}"
        path = thread.path()
        running = [one["id"] for one in watcher.store.messages if one["status"] == "streaming" and one["id"] in path]
        assert set(running) <= {thread.running}, f"seed {seed}: a shown answer ends"

    assert agree([watcher for _, _, watcher in ends])
