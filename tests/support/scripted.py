"""An answer whose events the test writes into the thread's log, while its own model is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from chat.broadcast import Append
from chat.events import Final, Frame, ReasoningDelta, ReasoningDone, TextDelta, ToolCallChanged
from chat.models import ChatThread
from tests.support.cast import Person
from tests.support.site import Site


@dataclass
class ScriptedAnswer:
    """A running answer."""

    site: Site
    thread_id: UUID
    message_id: UUID
    written: dict[str, str] = field(default_factory=dict)
    thought_ms: int | None = None

    @classmethod
    @asynccontextmanager
    async def begun(cls, person: Person, thread_id: str = "") -> AsyncIterator[ScriptedAnswer]:
        """The answer to a new question, whose own text would come after 50 s. Its thread is deleted at the end."""
        posted = await person.ask("say hello [offline: delay_first=50]", thread_id)
        yield cls(person.site, UUID(posted["thread_id"]), UUID(posted["reply_id"]))
        deleted = await person.http.post(f"/chat/{posted['thread_id']}/delete/", headers={"Accept": "application/json"})
        assert deleted.status_code == 204

    async def thinks(self, text: str = "", *, ms: int) -> None:
        """More reasoning."""
        await self._send(ReasoningDelta(self.message_id, self._position("reasoning", text), text, ms))

    async def has_thought(self, ms: int) -> None:
        """The end of it."""
        self.thought_ms = ms
        await self._send(ReasoningDone(self.message_id, ms))

    async def says(self, text: str) -> None:
        """More text."""
        await self._send(TextDelta(self.message_id, self._position("text", text), text))

    async def uses(self, tool: str, status: str = "running", *, title: str = "", detail: str = "") -> None:
        """A tool call, or its end."""
        await self._send(ToolCallChanged(self.message_id, "call-1", tool, status, title=title, detail=detail))

    async def ends(self) -> None:
        """Tabs see the end of it; the row goes on."""
        lengths = {kind: len(text.encode("utf-16-le")) // 2 for kind, text in self.written.items()}
        rev = (await ChatThread.get(id=self.thread_id)).rev + 1
        thought = {"reasoning_length": lengths.get("reasoning", 0), "reasoning_ms": self.thought_ms}
        await self._send(Final(rev, self.message_id, "final", lengths.get("text", 0), "", None, None, **thought))

    def _position(self, kind: str, text: str) -> int:
        before = self.written.get(kind, "")
        self.written[kind] = before + text
        return len(before)

    async def _send(self, frame: Frame) -> None:
        await self.site.resources.broadcast.announce(Append(self.thread_id, frame))
