"""A tab that reconnects, the twin of static/src/chat/connection.js around tests/support/tab.py; checks each frame."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import websockets

from tests.faults.visitors import Visitor
from tests.support.tab import Store, Tab

QUIET = ("welcome", "ping", "bye", "live", "error")  # these say nothing of an answer
OVERLOAD, OVERLOAD_SECONDS = 1013, 5
FINISHED = ("final", "stopped", "interrupted", "error")


@dataclass(frozen=True)
class Rules:
    """What the browser's tab does, in its figures; `syncs` off is for the proof that the oracle sees it."""

    welcome_seconds: float = 10
    late_ping_seconds: float = 10
    quiet_seconds: float = 15
    answer_seconds: float = 5
    sync_every_seconds: float = 2
    retry_seconds: float = 0.3  # the browser's first try comes within 1 s, later ones within 30
    syncs: bool = True


@dataclass(eq=False)
class Oracle:
    """One tab of a thread. It connects to any of its addresses, as behind a load balancer."""

    person: Visitor
    thread_id: str
    urls: Sequence[str]
    rules: Rules = field(default_factory=Rules)
    cursor: str = ""
    cut_after: frozenset[int] = frozenset()  # the connection is cut behind these frames, counted over all connections
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.store = Store(cursor=self.cursor)
        self.frames: list[dict[str, Any]] = []
        self.wants_snapshot = False
        self.outbox: dict[str, dict[str, Any]] = {}
        self.said: dict[str, dict[str, Any]] = {}  # ack or nack by client id
        self.live: list[bool] = []
        self.codes: list[int] = []
        self.connections = self.shrunk = 0
        self.gaps: list[float] = []  # seconds from each lost connection to the next welcome
        self._lost_at = 0.0
        self.ended = 0  # the close code that forbids a reconnect
        self._shown: dict[tuple[str, str], str] = {}
        self._due: dict[str, float] = {}
        self._heartbeat_seconds = 25.0
        self._synced_at = -self.rules.sync_every_seconds
        self._moved = asyncio.Event()
        self._is_live = True
        self._knows_versions = False  # a worker of an older release would store an edit as a new message
        self._tab: Tab | None = None  # the present connection
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Oracle]:
        """Keep the tab open until the block ends; every frame that breaks a rule fails the test."""
        self._task = asyncio.create_task(self._stay())
        try:
            yield self
        finally:
            while not self._task.done():  # Python 3.11's wait_for can swallow a cancellation
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=0.2)
            if not self._task.cancelled():
                self._task.result()

    async def until(self, happened: Callable[[], Any], *, seconds: float = 20) -> None:
        """Wait until the condition is true."""
        async with asyncio.timeout(seconds):
            while not happened():
                if self._task and self._task.done():
                    self._task.result()
                    raise AssertionError(f"the tab was told not to come back: {self.ended}")
                self._moved.clear()
                await self._moved.wait()

    async def until_welcome(self) -> None:
        """The tab is connected and knows its position."""
        await self.until(lambda: self.frames)

    async def until_text(self, message_id: str, length: int, *, seconds: float = 20) -> str:
        """An answer has this number of characters in the tab."""
        await self.until(lambda: len(self.text(message_id)) >= length, seconds=seconds)
        return self.text(message_id)

    def text(self, message_id: str) -> str:
        """The answer's text in the tab."""
        return (self.store.find(message_id) or {"content": ""})["content"]

    def shows(self, message_id: str) -> dict[str, str]:
        """The answer in the tab, without the time that its model was thinking."""
        message = self.store.find(message_id) or {}
        return {name: message.get(name, "") for name in ("status", "content", "reasoning")}

    def status(self, message_id: str) -> str:
        """The answer's status; `streaming` is the spinner."""
        return (self.store.find(message_id) or {"status": ""})["status"]

    async def post(self, text: str, **more: Any) -> str:
        """Put a message into the outbox; it is sent until it is answered. Its client id."""
        client_id = str(uuid.uuid4())
        self.outbox[client_id] = {"type": "message.send", "client_id": client_id, "content": text, **more}
        if self._knows_versions or "edits" not in more:
            await self._say(self.outbox[client_id])
        self._watch()
        return client_id

    async def stop(self, message_id: str) -> None:
        """Press the button."""
        await self._say({"type": "response.cancel", "message_id": message_id})

    async def press(self, kind: str, **fields: str) -> None:
        """Any other button: its frame is sent once, as the browser does."""
        await self._say({"type": kind, **fields})

    async def disconnect(self) -> None:
        """Lose the connection; the tab reconnects."""
        if self._tab:
            await self._tab.connection.close()

    async def _stay(self) -> None:
        while not self.ended:
            url = self.chance.choice(self.urls)
            try:
                await self._connected(url)
            except websockets.ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else 1006)
                self.ended = self.codes[-1] if 4500 <= self.codes[-1] <= 4999 else 0
            except websockets.InvalidStatus as refused:
                self.codes.append(refused.response.status_code)
            except (OSError, TimeoutError, websockets.WebSocketException):
                self.codes.append(0)
            self._lost_at = self._lost_at or asyncio.get_running_loop().time()
            self._due.clear()
            self._moved.set()
            await asyncio.sleep(self._retry_seconds())  # as the browser's module does

    def _retry_seconds(self) -> float:
        if self.codes[-1] == OVERLOAD:
            return OVERLOAD_SECONDS * (1 + self.chance.random())
        return self.chance.random() * self.rules.retry_seconds

    async def _connected(self, url: str) -> None:
        async with self.person.handshake(
            self.thread_id,
            url,
            ping_interval=None,
            open_timeout=self.rules.welcome_seconds,
            close_timeout=0.1,
        ) as connection:
            self._tab = Tab(connection)
            self._tab.store, self._tab.frames = self.store, self.frames
            self._in("welcome", self.rules.welcome_seconds)
            self._is_live = True
            want = "snapshot" if self.wants_snapshot else ""
            await self._tab.hello(cursor=self.store.cursor, rev=self.store.rev, want=want)
            while True:
                await self._hear(self._tab)

    async def _hear(self, tab: Tab) -> None:
        """One frame, or the next action that is due. Raises TimeoutError to reconnect."""
        gaps = self.store.syncs
        try:
            async with asyncio.timeout_at(min(self._due.values(), default=None)):
                frame = await tab.receive()
        except TimeoutError:
            await self._on_due()
        else:
            await self._took(frame, gap=self.store.syncs > gaps)
            self._moved.set()
            if len(self.frames) in self.cut_after:
                tab.connection.transport.abort()

    async def _took(self, frame: dict[str, Any], *, gap: bool) -> None:
        self._check_text()
        match frame["type"]:
            case "welcome":
                self._heartbeat_seconds = frame["heartbeat_ms"] / 1000
                self._knows_versions = frame.get("versions", False)
                await self._welcomed()
            case "live":
                self.live.append(frame["on"])
                self._is_live = frame["on"]
                self._due.pop("answer", None)
                if frame["on"] and self.wants_snapshot:
                    await self._doubt()
            case "nack" if frame["code"] in ("draining", "overloaded", "unavailable"):
                self._in("again", frame["retry_ms"] / 1000 * (1 + self.chance.random()))
            case "ack" | "nack":
                self.outbox.pop(frame["client_id"], None)
                self.said[frame["client_id"]] = frame
            case "queue.changed":
                self._settle(frame["items"])
            case "thread.snapshot" if frame["part"] == frame["parts"]:
                self.wants_snapshot = False
                self._settle((frame.get("queue") or {"items": []})["items"])
        self._in("silence", self._heartbeat_seconds + self.rules.late_ping_seconds)
        if frame["type"] not in QUIET:
            self._due.pop("quiet", None)
        if frame["type"] in ("thread.snapshot", "response.text"):
            self._due.pop("answer", None)
        if gap:
            await self._doubt()
        self._watch()

    async def _welcomed(self) -> None:
        self.connections += 1
        if self._lost_at:
            self.gaps.append(asyncio.get_running_loop().time() - self._lost_at)
            self._lost_at = 0.0
        self._due.pop("welcome", None)
        await self._send_letters()

    def _settle(self, items: list[dict[str, Any]]) -> None:
        """A message that waits has arrived, whether or not its `ack` has."""
        for client_id in {item["client_id"] for item in items}.intersection(self.outbox):
            del self.outbox[client_id]
            self.said[client_id] = {"type": "ack", "client_id": client_id, "queued": True}

    async def _send_letters(self) -> None:
        for letter in self.outbox.values():
            if self._knows_versions or not letter.get("edits"):
                await self._say(letter)

    def _check_text(self) -> None:
        """A text that was shown grows, and never becomes another. Only the end may show that some of it was lost."""
        for message, name in itertools.product(self.store.messages, ("content", "reasoning")):
            shown, text = self._shown.get((message["id"], name), ""), message.get(name, "")
            if len(text) < len(shown):
                assert message["status"] != "streaming", f"{shown[len(text) :]!r} went while the answer was written"
                self.shrunk += 1
                shown, text = text, shown
            assert text.startswith(shown), f"{shown[-60:]!r} became {text[-60:]!r}"
            self._shown[message["id"], name] = message.get(name, "")

    def _watch(self) -> None:
        """While something is due, start the timeout for silence."""
        waits = self.outbox or any(message["status"] == "streaming" for message in self.store.messages)
        if waits and "welcome" not in self._due:
            self._due.setdefault("quiet", asyncio.get_running_loop().time() + self.rules.quiet_seconds)
        else:
            self._due.pop("quiet", None)

    async def _doubt(self) -> None:
        """Ask for a snapshot, at a limited rate; until it arrives, no cursor is trusted."""
        if not self.rules.syncs:
            return
        self.wants_snapshot = True
        if not self._is_live:
            return  # the server sends what there is by itself
        now = asyncio.get_running_loop().time()
        if now < self._synced_at + self.rules.sync_every_seconds:
            self._due.setdefault("sync", self._synced_at + self.rules.sync_every_seconds)
            return
        self._synced_at = now
        await self._say({"type": "sync"})
        self._in("answer", self.rules.answer_seconds)

    async def _on_due(self) -> None:
        now = asyncio.get_running_loop().time()
        due = [name for name, at in self._due.items() if at <= now]
        if {"welcome", "silence", "answer"}.intersection(due):
            raise TimeoutError
        for name in due:
            del self._due[name]
        if "again" in due:
            await self._send_letters()
        if "quiet" in due or ("sync" in due and self.wants_snapshot):
            await self._doubt()
            self._watch()

    def _in(self, name: str, seconds: float) -> None:
        self._due[name] = asyncio.get_running_loop().time() + seconds

    async def _say(self, frame: dict[str, Any]) -> None:
        if self._tab:
            with contextlib.suppress(websockets.ConnectionClosed):
                await self._tab.send(frame)
