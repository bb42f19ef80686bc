"""A tab in Python, the twin of static/src/chat/store.js: fails a test at once when a rule of the protocol is broken."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import websockets

from chat.services.replies.finish import UNFINISHED
from chat.text import from_utf16, sha8, up_to_utf16, utf16_length

RECEIVE_SECONDS = 40  # twice the longest time from a killed worker until the stored end

CALL = ("call_id", "name", "status", "arguments", "output", "title", "detail")
REASONING: dict[str, Any] = {"reasoning": "", "reasoning_ms": None, "thinking": False}  # of a message that has none
OF_ANSWERS = {
    "response.output_text.delta",
    "response.reasoning.delta",
    "response.reasoning.done",
    "response.text",
    "response.tool_call",
    "final",
    "response.error",
}
FLAGS = ("pinned", "archived", "unread")
AHEAD = {"content": "ahead", "reasoning": "thoughts_ahead"}  # UTF-16 units shown beyond the server's word


class Store:
    """What a tab knows. `syncs` counts how often it had to ask for a snapshot.

    A `detached` one shows an older part of the thread, or another version, and ignores what does not concern that.
    """

    def __init__(
        self, *, cursor: str = "", rev: int = 0, messages: list[dict[str, Any]] | None = None, detached: bool = False
    ) -> None:
        self.detached = detached
        self.cursor, self.rev, self.title, self.title_rev = cursor, rev, "", rev
        self.messages: list[dict[str, Any]] = [dict(message) for message in messages or []]
        self.elsewhere: str | None = None  # the answer that is being written in a version that is not shown
        self.queue: dict[str, Any] = {"paused": "", "items": []}
        self.model, self.forked_from = "", None  # as the chat was opened
        self.flags: dict[str, Any] = {"rev": rev}  # what the list of chats says of this one
        self.parts: list[dict[str, Any]] = []
        self.syncs = 0
        self.chats: dict[str, dict[str, Any]] = {}  # the sidebar's, by id
        self.gone: dict[str, int] = {}  # the revs of chats that were archived or deleted

    def find(self, message_id: str) -> dict[str, Any] | None:
        """The message with this id."""
        return next((message for message in self.messages if message["id"] == message_id), None)

    def apply(self, frame: dict[str, Any]) -> None:
        """One frame."""
        syncs = self.syncs
        match frame["type"]:
            case "thread.snapshot":
                self._snapshot(frame)
                return
            case "message.created":
                self._created(frame)
            case "response.started":
                self._started(frame)
            case "path.changed":
                self.syncs += self._is_new(frame) and not self.detached
            case "queue.changed":
                if self._is_new(frame):
                    self.queue = {"paused": frame["paused"], "items": frame["items"]}
            case name if name in OF_ANSWERS:
                self._answer_changed(frame)
            case "thread.title.updated":
                self._title_updated(frame)
            case _:
                self._listed(frame)
                if frame["type"] != "thread.updated" or not frame.get("cursor"):
                    return
                self._flag(frame)  # the log is this thread's
        if frame.get("cursor") and frame.get("rev", 0) > self.rev + (frame["type"] != "response.started"):
            self.syncs += 1  # a change arrived that does not follow the last one
        self.syncs = min(self.syncs, syncs + 1)
        self.cursor = frame.get("cursor") or self.cursor
        self.rev = max(self.rev, frame.get("rev") or 0)

    def _is_new(self, frame: dict[str, Any]) -> bool:
        return frame.get("rev") is None or frame["rev"] > self.rev

    def _created(self, frame: dict[str, Any]) -> None:
        message = dict(frame["message"])
        if not self._is_new(frame):
            return  # the tab's path is newer
        if known := self.find(message["id"]):
            known |= {"versions": message["versions"]} if message.get("versions") else {}
            self.syncs += self._is_misplaced(message) and not self.detached
        elif not self.detached and not self._place(message):
            self.syncs += 1

    def _place(self, message: dict[str, Any]) -> bool:
        """Put a message below its parent: what was there is of another version. False if the parent is not shown.

        A server of an older release names no parent: it has one version of everything.
        """
        ids = [one["id"] for one in self.messages]
        parent = message.get("parent_id", ids[-1] if ids else None)
        if parent is not None and parent not in ids:
            return False
        self.messages = [*self.messages[: 0 if parent is None else ids.index(parent) + 1], message]
        return True

    def _is_misplaced(self, message: dict[str, Any]) -> bool:
        """Whether it is shown after another message than its parent."""
        index = [one["id"] for one in self.messages].index(message["id"])
        return "parent_id" in message and index > 0 and self.messages[index - 1]["id"] != message["parent_id"]

    def _started(self, frame: dict[str, Any]) -> None:
        if self.detached or self.find(frame["message_id"]) or frame.get("rev", self.rev) < self.rev:
            return
        last = self.messages[-1]["id"] if self.messages else None
        parent = frame.get("parent_id") or last  # a worker of an older release does not name the question
        if parent == last:
            answer = {"id": frame["message_id"], "role": "assistant", "status": "streaming", "content": "", "tools": []}
            self.messages.append(answer | REASONING | {"parent_id": parent})

    def _answer_changed(self, frame: dict[str, Any]) -> None:
        """An answer that is not shown is written in another version, unless its start was lost."""
        message = self.find(frame["message_id"])
        if message is None and frame["message_id"] == self.elsewhere:
            self.elsewhere = None if frame.get("rev") else self.elsewhere  # only the end of an answer has a rev
        elif message is None:
            self.syncs += self._is_new(frame) and not self.detached
        else:
            self._shown_changed(frame, message)

    def _shown_changed(self, frame: dict[str, Any], message: dict[str, Any]) -> None:
        match frame["type"]:
            case "response.output_text.delta":
                self._delta(frame, message)
            case "response.reasoning.delta" | "response.reasoning.done":
                self._reasoning(frame, message)
            case "response.text":
                now = {"content": frame["text"]} | {name: frame.get(name, unset) for name, unset in REASONING.items()}
                self._written(frame["message_id"], _furthest(message, now))
            case "response.tool_call":
                self._tool_call(frame, message)
            case _:
                self._ended(frame, message)

    def _snapshot(self, frame: dict[str, Any]) -> None:
        self.parts = (self.parts if frame["part"] > 1 else []) + frame["messages"]
        if frame["part"] < frame["parts"]:
            return
        fresh = {message["id"]: self._settled(message) for message in self.parts}
        shown = {message["id"]: message for message in self.messages}
        self.messages = [fresh.get(key, shown[key]) for key in shown] if self.detached else list(fresh.values())
        self.cursor, self.rev, self.title = frame["cursor"], frame["rev"], frame["title"]
        self.title_rev = self.rev
        running = frame.get("running") or {"shown": True}
        self.elsewhere = None if running["shown"] else running["message_id"]
        self.queue = frame.get("queue") or self.queue
        self.model, self.forked_from = frame.get("model", ""), frame.get("forked_from")
        self._flag(frame)

    def _flag(self, frame: dict[str, Any]) -> None:
        if frame.get("rev", 0) >= self.flags["rev"]:
            known = {name: frame[name] for name in FLAGS if frame.get(name) is not None}
            self.flags |= known | {"rev": frame.get("rev", 0)}

    def _listed(self, frame: dict[str, Any]) -> None:
        """The sidebar. Of two changes of a chat, the one with the greater rev is newer."""
        match frame["type"]:
            case "thread.deleted":
                self._leave(frame["thread_id"], frame.get("rev", 0))
            case "thread.updated":
                self._change_chat(frame)
            case "thread.list":
                listed = {one["thread_id"] for one in frame["threads"]}
                if not frame["older_cursor"]:
                    self.chats = {key: chat for key, chat in self.chats.items() if key in listed}
                for change in frame["threads"]:
                    self._change_chat(change)

    def _change_chat(self, change: dict[str, Any]) -> None:
        """A worker of an older release leaves fields out: they stay, and its update brings no chat back that left."""
        chat_id, rev = change["thread_id"], change["rev"]
        told = {name: value for name, value in change.items() if value is not None}
        known = self.chats.get(chat_id) or {"rev": 0}
        if chat_id in self.gone and ("archived" not in told or rev <= self.gone[chat_id]):
            return
        if rev < known["rev"]:
            return
        self.gone.pop(chat_id, None)
        self.chats[chat_id] = known | told
        if told.get("archived"):
            self._leave(chat_id, rev)

    def _leave(self, chat_id: str, rev: int) -> None:
        self.chats.pop(chat_id, None)
        self.gone[chat_id] = max(rev, self.gone.get(chat_id, 0))

    def _title_updated(self, frame: dict[str, Any]) -> None:
        """The title with the greater rev is newer, in whichever order they arrive."""
        if frame["rev"] >= self.title_rev:
            self.title, self.title_rev = frame["title"], frame["rev"]

    def _settled(self, incoming: dict[str, Any]) -> dict[str, Any]:
        """A finished message never runs again, and the text of a running one gets no shorter."""
        known = self.find(incoming["id"])
        if not known or incoming["status"] != "streaming":
            return dict(incoming)
        if known["status"] != "streaming":
            return known | {"versions": incoming.get("versions", [])}
        return incoming | _furthest(known, incoming)

    def _written(self, message_id: str, change: dict[str, Any]) -> None:
        message = self.find(message_id)
        if message and message["status"] == "streaming":
            message |= change

    def _delta(self, frame: dict[str, Any], message: dict[str, Any]) -> None:
        if message["status"] != "streaming":
            return
        if joined := self._joined(message, "content", frame):
            self._written(frame["message_id"], joined)

    def _reasoning(self, frame: dict[str, Any], message: dict[str, Any]) -> None:
        if message["status"] != "streaming":
            return
        now = {"reasoning_ms": frame["ms"], "thinking": frame["type"] == "response.reasoning.delta"}
        joined: dict[str, Any] | None = {"thoughts_ahead": message.get("thoughts_ahead", 0)}
        if now["thinking"]:
            joined = self._joined(message, "reasoning", frame)
        if joined:
            self._written(frame["message_id"], joined | ({} if joined["thoughts_ahead"] else now))

    def _joined(self, message: dict[str, Any], name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        """The text after a delta; None, and a sync, if something before it is missing."""
        shown, ahead = message.get(name, ""), message.get(AHEAD[name], 0)
        word = up_to_utf16(shown, utf16_length(shown) - ahead)
        overlap = utf16_length(word) - frame["pos"]
        if overlap < 0:
            self.syncs += 1
            return None
        return _longer(name, shown, word + from_utf16(frame["delta"], overlap))

    def _tool_call(self, frame: dict[str, Any], message: dict[str, Any]) -> None:
        calls = message.setdefault("tools", [])
        call = {name: frame.get(name, "") for name in CALL}
        known = next((one for one in calls if one["call_id"] == frame["call_id"]), None)
        if known is None:
            calls.append(call)
        elif known["status"] == "running" or call["status"] != "running":
            known |= call

    def _ended(self, frame: dict[str, Any], message: dict[str, Any]) -> None:
        if message["status"] != "streaming":
            return
        failed = frame["type"] == "response.error"
        end = {"status": "error", "error": frame["message"]} if failed else {"status": frame["status"]}
        message |= end | {"reasoning_ms": frame.get("reasoning_ms"), "thinking": False}
        for call in message.get("tools") or []:
            if call["status"] == "running":
                call |= {"status": "failed", "output": UNFINISHED}
        content, reasoning = message["content"], message.get("reasoning", "")
        told = (frame.get("content_length"), frame.get("content_sha8"))
        whole = not message.get("ahead") if failed else told == (utf16_length(content), sha8(content))
        if not whole or frame.get("reasoning_length", 0) != utf16_length(reasoning):
            self.syncs += 1


def _furthest(known: dict[str, Any], incoming: dict[str, Any]) -> dict[str, Any]:
    """What only begins as the shown text does is behind: the rest stays, ahead of the server's word."""
    now = {}
    for name in AHEAD:
        now |= _longer(name, known.get(name, ""), incoming.get(name, ""))
    time = known if any(now[name] for name in AHEAD.values()) else incoming
    return now | {name: time.get(name, REASONING[name]) for name in ("reasoning_ms", "thinking")}


def _longer(name: str, shown: str, word: str) -> dict[str, Any]:
    if shown.startswith(word):
        return {name: shown, AHEAD[name]: utf16_length(shown) - utf16_length(word)}
    return {name: word, AHEAD[name]: 0}


class Tab:
    """A connected tab. Every frame is checked: offsets rise by one inside an epoch, and nothing has to be synced."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self.store = Store()
        self.frames: list[dict[str, Any]] = []
        self._last_cursor = ""  # the store's stays behind at events that it does not know

    async def hello(self, *, cursor: str = "", rev: int = 0, want: str = "") -> None:
        """The first frame."""
        self.store.cursor, self.store.rev, self._last_cursor = cursor, rev, cursor
        await self.send({"type": "hello", "v": 1, "cursor": cursor, "rev": rev, "want": want})

    async def send(self, frame: dict[str, Any]) -> None:
        """Any frame."""
        await self.connection.send(json.dumps(frame, ensure_ascii=False))

    async def say(self, text: str, client_id: str = "") -> dict[str, Any]:
        """Send a message; returns the ack or nack."""
        client_id = client_id or str(uuid.uuid4())
        await self.send({"type": "message.send", "client_id": client_id, "content": text})
        return await self.until(lambda frame: frame.get("client_id") == client_id and frame["type"] in ("ack", "nack"))

    async def receive(self) -> dict[str, Any]:
        """The next frame, applied."""
        data = await asyncio.wait_for(self.connection.recv(), RECEIVE_SECONDS)
        frame: dict[str, Any] = json.loads(data)
        self._check_order(frame)
        self.store.apply(frame)
        self._last_cursor = frame.get("cursor", self._last_cursor)
        self.frames.append(frame)
        if frame["type"] == "ping":
            await self.send({"type": "pong", "n": frame["n"], "cursor": self.store.cursor})
        return frame

    async def until(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Receive until a frame matches."""
        while True:
            frame = await self.receive()
            if matches(frame):
                return frame

    async def until_type(self, *types: str) -> dict[str, Any]:
        """Receive until a frame of one of these types."""
        return await self.until(lambda frame: frame["type"] in types)

    async def until_finished(self, message_id: str) -> dict[str, Any]:
        """Receive until an answer has ended; returns the message as the tab has it."""
        while True:
            message = self.store.find(message_id)
            if message and message["status"] != "streaming":
                assert self.store.syncs == 0, "the tab would have had to ask for a snapshot"
                return message
            await self.receive()

    async def until_text(self, message_id: str, length: int) -> str:
        """Receive until an answer has this number of characters."""
        while True:
            message = self.store.find(message_id)
            if message and len(message["content"]) >= length:
                text: str = message["content"]
                return text
            await self.receive()

    def _check_order(self, frame: dict[str, Any]) -> None:
        if frame["type"] in ("welcome", "thread.snapshot") or not frame.get("cursor") or not self._last_cursor:
            return
        (epoch, offset), (old_epoch, old_offset) = frame["cursor"].split(":"), self._last_cursor.split(":")
        if epoch == old_epoch:
            assert int(offset) == int(old_offset) + 1, f"{self._last_cursor} was followed by {frame['cursor']}"
