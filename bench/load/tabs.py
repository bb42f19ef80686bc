"""Tabs of the product and of the floor: they check every character, and note when it was shown."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.load.model import delta_text
from bench.load.people import QUESTION, Person
from bench.load.socket_client import SocketClient
from chat.text import sha8

DELTA_CHARACTERS = len(delta_text(0))
NUMBER_CHARACTERS = delta_text(0).index("@")


class Wrong(Exception):
    """A tab showed something else than the model wrote."""


@dataclass(slots=True)
class Shown:
    """One answer in one tab. Times are those of the clock that all processes share."""

    asked_at: float
    expected: int
    text: str = ""
    read: int = 0  # characters of `text` whose deltas are in `delays`
    first_sent_at: float = 0.0  # by the model
    first_at: float = 0.0
    delays: list[float] = field(default_factory=list)

    def read_on(self, now: float) -> None:
        """Note every delta that is complete."""
        while len(self.text) >= self.read + DELTA_CHARACTERS:
            delta = self.text[self.read : self.read + DELTA_CHARACTERS]
            number, _, sent = delta.partition("@")
            if int(number) != len(self.delays):
                raise Wrong(f"delta {number} after {len(self.delays)} deltas")
            self.delays.append(now - float(sent))
            if not self.first_at:
                self.first_sent_at, self.first_at = float(sent), now
            self.read += DELTA_CHARACTERS


class Tab:
    """One tab, which expects one answer at a time."""

    def __init__(self) -> None:
        self.shown: Shown | None = None
        self.ended: asyncio.Future[Shown] = asyncio.get_running_loop().create_future()
        self.socket: SocketClient | None = None

    def expect(self, asked_at: float, deltas: int) -> None:
        """The question is about to be asked, here or in another tab."""
        self.shown = Shown(asked_at, deltas)
        self.ended = asyncio.get_running_loop().create_future()

    def on_text(self, payload: bytes) -> None:
        """A frame; whatever is wrong with it ends the wait for the answer."""
        try:
            self._take(msgspec.json.decode(payload), time.monotonic())
        except (Wrong, ValueError, KeyError) as error:
            self._fail(error)

    def ask(self, deltas: int, rate: int) -> None:
        """Ask the question; call `expect` of all tabs before."""
        raise NotImplementedError

    def _take(self, frame: dict[str, Any], now: float) -> None:
        raise NotImplementedError

    def _end(self, shown: Shown) -> None:
        if len(shown.delays) != shown.expected or shown.read != len(shown.text):
            raise Wrong(f"{len(shown.delays)} of {shown.expected} deltas")
        self.shown = None
        if not self.ended.done():
            self.ended.set_result(shown)

    def _fail(self, error: Exception) -> None:
        if self.shown and not self.ended.done():
            self.ended.set_exception(error)

    def _watch(self) -> None:
        """A socket that closes ends the wait, too."""
        assert self.socket  # noqa: S101
        self.socket.closed.add_done_callback(lambda code: self._fail(Wrong(f"closed with {code.result()}")))


class FloorTab(Tab):
    """A tab of the floor: every delta is a frame."""

    async def connect(self, port: int, room: int) -> None:
        """Open the socket."""
        self.socket = await SocketClient.connect(port, f"/{room}", {"Host": "floor"}, self.on_text)
        self._watch()

    def ask(self, deltas: int, rate: int) -> None:
        """Ask the question."""
        assert self.socket  # noqa: S101
        self.socket.send(QUESTION.format(deltas=deltas, rate=rate))

    def _take(self, frame: dict[str, Any], now: float) -> None:
        if self.shown is None:
            return
        if frame["type"] == "delta":
            self.shown.text += frame["delta"]
            self.shown.read_on(now)
        else:
            self._end(self.shown)


class ProductTab(Tab):
    """A tab of a chat, by the protocol: positions, snapshots, and the digest at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.syncs = 0
        self._answer_id = ""
        self._question: dict[str, Any] = {}

    async def connect(self, port: int, person: Person) -> None:
        """Open the socket and say hello. Raises Refused, OSError."""
        path = f"/ws/chat/{person.thread_id}/"
        self.socket = await SocketClient.connect(port, path, person.headers, self.on_text)
        self._watch()
        self._send({"type": "hello", "v": 1, "cursor": "", "rev": 0})

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        if not self.welcomed.done():
            self.welcomed.set_exception(error)

    def ask(self, deltas: int, rate: int) -> None:
        """Ask the question."""
        text = QUESTION.format(deltas=deltas, rate=rate)
        self._question = {"type": "message.send", "client_id": str(uuid.uuid4()), "content": text}
        self._send(self._question)

    def _send(self, frame: dict[str, Any]) -> None:
        assert self.socket  # noqa: S101
        self.socket.send(json.dumps(frame))

    def _take(self, frame: dict[str, Any], now: float) -> None:
        match frame["type"]:
            case "response.output_text.delta":
                self._delta(frame, now)
            case "thread.snapshot":
                self._snapshot(frame, now)
            case "response.started":
                self._answer_id = frame["message_id"]
            case "response.text":
                self._whole(frame["text"], now)
            case "final" if self.shown:
                self._final(frame, self.shown)
            case "nack" if frame["retry_ms"]:  # the same again, as static/src/chat/connection.js sends it
                asyncio.get_running_loop().call_later(frame["retry_ms"] / 1000, self._send, self._question)
            case "nack" | "response.error" | "bye":
                raise Wrong(str(frame))
            case "ping":
                self._send({"type": "pong", "n": frame["n"], "cursor": ""})

    def _delta(self, frame: dict[str, Any], now: float) -> None:
        if self.shown is None or frame["message_id"] != self._answer_id:
            return
        overlap = len(self.shown.text) - frame["pos"]
        if overlap < 0:
            self.syncs += 1
            self._send({"type": "sync"})
            return
        self.shown.text += frame["delta"][overlap:]
        self.shown.read_on(now)

    def _snapshot(self, frame: dict[str, Any], now: float) -> None:
        if frame["part"] == frame["parts"] and not self.welcomed.done():
            self.welcomed.set_result(None)
        last = frame["messages"][-1] if frame["messages"] else {}
        if self.shown and last.get("status") == "streaming":
            self._answer_id = last["id"]
            self._whole(last["content"], now)

    def _whole(self, text: str, now: float) -> None:
        if self.shown and len(text) > len(self.shown.text):
            self.shown.text = text
            self.shown.read_on(now)

    def _final(self, frame: dict[str, Any], shown: Shown) -> None:
        if frame["message_id"] != self._answer_id:
            return
        if frame["status"] != "final" or frame["content_sha8"] != sha8(shown.text):
            raise Wrong(f"the end of an answer does not fit its text: {frame}")
        self._end(shown)


@dataclass(slots=True)
class Desk:
    """One person's tabs of the same chat; the first one asks."""

    tabs: list[Tab]

    async def answer(self, deltas: int, rate: int, *, seconds: float) -> list[Shown]:
        """Ask, and wait until every tab has shown the whole answer. Raises Wrong, TimeoutError."""
        now = time.monotonic()
        for tab in self.tabs:
            tab.expect(now, deltas)
        self.tabs[0].ask(deltas, rate)
        async with asyncio.timeout(deltas / rate + seconds):
            return await asyncio.gather(*(tab.ended for tab in self.tabs))

    def close(self) -> None:
        """Close the tabs."""
        for tab in self.tabs:
            if tab.socket:
                tab.socket.close()
