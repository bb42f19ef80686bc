"""Random walks through everything that changes versions, with two tabs and a reader without JavaScript.

After each step, every one of them shows the path of a model of the tree that is kept here, and the rows agree with it.
`WALKS=200 FIRST_SEED=3 pytest tests/web/chat/test_versions_walk.py` walks more; a failing one is named by its seed.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from chat.database import query
from chat.llm.items import text_of
from chat.models import ChatMessage, Generation, LLMCallLog, QueuedMessage, Status
from chat.services.replies.prompt import instructions
from tests.support import patches
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.queues import press, queue_up
from tests.support.replies import ended
from tests.support.site import Site
from tests.support.tab import Tab
from tests.support.versions import again, branch, caught_up, delete, edit_by, path_of, said, show, shown_by
from tests.support.waiting import eventually

logger = logging.getLogger(__name__)

LASTING = "count to 50 [offline: pause=5:50]"  # some text, then nothing for 50 s
FIRST_SEED, WALKS = int(os.environ.get("FIRST_SEED", "0")), int(os.environ.get("WALKS", "3"))
STEPS = 40
SECONDS = 20  # until a tab shows what it should
IDLE = ("ask", "ask", "edit", "edit", "again", "continue", "show", "show", "delete", "branch", "begin", "begin")
BUSY = ("show", "show", "delete", "stop", "stop", "queue", "queue", "refused", "crash")
UNSOUND = """
SELECT m.id FROM chat_message m LEFT JOIN chat_message p ON p.id = m.parent_id WHERE m.thread_id = $1
    AND m.parent_id IS NOT NULL AND (p.thread_id <> m.thread_id OR p.number >= m.number)
UNION ALL SELECT m.id FROM chat_message m JOIN chat_thread t ON m.parent_id = t.head_id WHERE t.id = $1
UNION ALL SELECT g.id FROM generation g LEFT JOIN chat_message m ON m.id = g.answer_id
    WHERE g.thread_id = $1 AND m.id IS NULL
"""
EXPIRE = "UPDATE generation SET lease_until = now() - interval '1 second' WHERE id = $1"


@dataclass
class Tree:
    """What the messages of the chat should be: each with its parent, in the order of their creation."""

    parents: dict[str, str | None] = field(default_factory=dict)
    head: str | None = None

    def path(self) -> list[str]:
        """From the first message to the head."""
        found, last = [], self.head
        while last:
            found.append(last)
            last = self.parents[last]
        return found[::-1]

    def add(self, message: str, parent: str | None) -> None:
        """A new message, which is shown."""
        self.parents[message], self.head = parent, message

    def below(self, message: str) -> list[str]:
        """The message and all below it."""
        found = [message]
        for one, parent in self.parents.items():  # parents come before their children
            if parent in found and one not in found:
                found.append(one)
        return found

    def newest(self, message: str) -> str:
        """Where someone wrote last, below the message."""
        return [one for one in self.parents if one in self.below(message)][-1]

    def after(self, seen: str | None) -> str | None:
        """Where a message goes whose writer saw this one as the last."""
        return self.head if seen in self.path() or seen not in self.parents else self.newest(seen)

    def versions(self, message: str) -> list[str]:
        """All messages with the same parent, unless there is only one."""
        same = [one for one, parent in self.parents.items() if parent == self.parents[message]]
        return same if len(same) > 1 else []

    def remove(self, message: str) -> list[str]:
        """Delete it and all below it."""
        gone, parent = self.below(message), self.parents[message]
        for one in gone:
            del self.parents[one]
        if self.head in gone:
            beside = [one for one in self.parents if self.parents[one] == parent]
            self.head = self.newest(beside[-1]) if beside else parent
        return gone


class Walk:
    """One chat, its two tabs, and what has been done."""

    def __init__(self, person: Person, thread_id: str, tabs: list[Tab], model: OfflineServer, chance: Random) -> None:
        self.person, self.thread_id, self.tabs, self.model, self.chance = person, thread_id, tabs, model, chance
        self.tree = Tree()
        self.roles: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.running: str | None = None
        self.waiting: list[tuple[str, str | None]] = []  # with the last message that its writer saw
        self.deeds: list[str] = []
        self.answers = 0  # that a model was asked for, each one paid call
        self.done: Counter[str] = Counter()
        self._said = 0

    async def step(self) -> None:
        """One thing that a person can do now, and its effects."""
        if self.running:
            deeds: tuple[str, ...] = BUSY
        elif self.waiting:
            deeds = (*IDLE, "resume", "resume", "resume")
        else:
            deeds = IDLE if self.tree.parents else ("ask",)
        deed = self.chance.choice(deeds)
        work: Callable[[], Awaitable[object]] = getattr(self, f"_{deed}")
        self.deeds.append(deed)
        if await work() is not False:
            self.done[deed] += 1
        await self.check()

    async def check(self) -> None:
        """Everyone shows the path, and the rows are sound."""
        path = self.tree.path()
        assert await path_of(self.thread_id) == path, self.deeds
        for tab in self.tabs:
            await asyncio.wait_for(self._shows(tab, path), SECONDS)
        page = Page((await self.person.http.get(f"/chat/{self.thread_id}/")).text)
        shown = [one["data-message-id"] for one in page.all("article")]
        assert [one for one in shown if one] == path[-50:]
        listed = await self.person.messages(self.thread_id)
        assert [one["versions"] for one in listed] == [self.tree.versions(one) for one in path[-50:]]
        assert await ChatMessage.filter(thread_id=self.thread_id).count() == len(self.tree.parents)
        assert await query(UNSOUND, UUID(self.thread_id)) == []

    async def _shows(self, tab: Tab, path: list[str]) -> None:
        await caught_up(tab, self.thread_id)
        while shown_by(tab) != path:
            await tab.receive()
            await caught_up(tab, self.thread_id)

    async def paid(self) -> None:
        """Each answer was one call of the model, deleted or not."""
        calls = LLMCallLog.filter(user__email=self.person.email, caller="chat")
        counted: list[int] = []

        async def all_paid() -> bool:
            counted[:] = [await calls.count()]
            return counted == [self.answers]

        await eventually(all_paid)
        assert counted == [self.answers]

    # What people do.

    async def _ask(self) -> None:
        tab, text = self.chance.choice(self.tabs), self._new_text()
        seen = self.chance.choice([None, self.tree.head, self._any("assistant")])
        parent = self.tree.after(seen)
        await self._answered(await self._sent(tab, text, head_id=seen), parent, text)

    async def _begin(self) -> None:
        """An answer that runs until something ends it."""
        parent = self.tree.head
        ack = await self._sent(self.tabs[0], LASTING)
        self._added(ack, parent, LASTING)
        await self._lasts(ack["reply_id"])

    async def _edit(self) -> bool | None:
        question, text = self._any("user"), self._new_text()
        if not question:
            return False
        ack = await edit_by(self.chance.choice(self.tabs), question, text)
        await self._answered(ack, self.tree.parents[question], text)
        return None

    async def _again(self) -> bool | None:
        answer = self._any("assistant")
        return False if not answer else await self._attempted(answer, await again(self.person, self.thread_id, answer))

    async def _continue(self) -> bool | None:
        broken = [one for one in self.tree.parents if one in await self._stopped()]
        if not broken:
            return False
        answer = self.chance.choice(broken)
        made = await again(self.person, self.thread_id, answer, go_on="1")
        return await self._attempted(answer, made, parent=answer)

    async def _show(self) -> None:
        message = self.chance.choice(list(self.tree.parents))
        assert (await show(self.person, self.thread_id, message)).status_code == 204
        self.tree.head = self.tree.newest(message)

    async def _delete(self) -> bool | None:
        message = self.chance.choice(list(self.tree.parents))
        if len(self.tree.below(message)) > 6 and self.chance.random() < 0.8:  # keep something to walk on
            return False
        assert (await delete(self.person, self.thread_id, message)).status_code == 204
        if self.running in self.tree.remove(message):
            self.running = None
        return None

    async def _branch(self) -> None:
        path = self.tree.path()
        place = self.chance.randrange(len(path))
        made = await branch(self.person, self.thread_id, path[place])
        copy = await self.person.messages(made.json()["thread_id"])
        original = await ChatMessage.filter(id__in=path[: place + 1]).order_by("number")
        assert [one["content"] for one in copy] == [one.content for one in original][-50:]

    async def _stop(self) -> None:
        assert self.running
        await self.tabs[1].send({"type": "response.cancel", "message_id": self.running})
        assert (await ended(self.running)).status == Status.STOPPED
        self.running = None

    async def _crash(self) -> None:
        """The owner is lost in the middle, and another worker ends the answer."""
        assert self.running
        [generation] = await Generation.filter(answer_id=self.running)
        self.person.site.resources.worker._replies[generation.id].abandon()
        await eventually(lambda: _is_gone(self.person.site, generation.id))
        await query(EXPIRE, generation.id)
        assert (await ended(self.running)).status == Status.INTERRUPTED
        self.running = None

    async def _refused(self) -> None:
        """While an answer runs, nothing else is asked."""
        question = self._any("user")
        if question:
            nack = await edit_by(self.tabs[0], question, self._new_text())
            assert (nack["type"], nack["code"]) == ("nack", "busy")
        answer = self._any("assistant")
        if answer:
            refused = await again(self.person, self.thread_id, answer)
            assert (refused.status_code, refused.json()["code"]) == (409, "busy")

    async def _queue(self) -> bool | None:
        if len(self.waiting) == 3:
            return False
        text = self._new_text()
        assert (await queue_up(self.chance.choice(self.tabs), text))["queued"]
        self.waiting.append((text, self.tree.head))
        return None

    async def _resume(self) -> None:
        """Everything that waits is answered in order."""
        assert (await press(self.person, self.thread_id, "resume")).status_code == 204
        known, count = set(self.tree.parents), len(self.waiting)
        rows = ChatMessage.filter(thread_id=self.thread_id).exclude(id__in=list(known)).order_by("number")

        async def all_answered() -> bool:
            found = await rows
            over = [one for one in found if one.role == "assistant" and one.status == Status.FINAL]
            return len(over) == count and not await QueuedMessage.filter(thread_id=self.thread_id).exists()

        await eventually(all_answered)
        found = await rows
        assert [one.content for one in found[::2]] == [text for text, _ in self.waiting]
        for question, answer, (_, seen) in zip(found[::2], found[1::2], self.waiting, strict=True):
            self._add(str(question.id), self.tree.after(seen), "user", question.content)
            self._add(str(answer.id), str(question.id), "assistant", answer.content)
        self.answers, self.waiting = self.answers + count, []

    # Their effects.

    def _new_text(self) -> str:
        self._said += 1
        return f"say word{self._said}"

    def _any(self, role: str) -> str | None:
        found = [one for one in self.tree.parents if self.roles[one] == role and one != self.running]
        return self.chance.choice(found) if found else None

    async def _stopped(self) -> set[str]:
        over = ChatMessage.filter(thread_id=self.thread_id, status__in=[Status.STOPPED, Status.INTERRUPTED])
        return {str(one.id) for one in await over.exclude(content="")}

    async def _sent(self, tab: Tab, text: str, **more: Any) -> dict[str, Any]:
        client_id = str(UUID(int=self.chance.getrandbits(128)))
        await tab.send({"type": "message.send", "client_id": client_id, "content": text, **more})
        return await tab.until(lambda one: one.get("client_id") == client_id and one["type"] in ("ack", "nack"))

    async def _answered(self, ack: dict[str, Any], parent: str | None, text: str) -> None:
        self._added(ack, parent, text)
        await self._over(ack["reply_id"])

    def _added(self, ack: dict[str, Any], parent: str | None, text: str) -> None:
        assert ack["type"] == "ack", ack
        self.answers += 1
        self._add(ack["message_id"], parent, "user", text)
        self._add(ack["reply_id"], ack["message_id"], "assistant", "")

    def _add(self, message: str, parent: str | None, role: str, text: str) -> None:
        self.tree.add(message, parent)
        self.roles[message], self.texts[message] = role, text

    async def _attempted(self, answer: str, made: httpx.Response, *, parent: str = "") -> bool | None:
        """Answers to lasting questions last again."""
        assert made.status_code == 201, made.text
        new = made.json()["reply_id"]
        self.answers += new not in self.roles  # what was continued before gets the same answer again
        self._add(new, parent or made.json()["message_id"], "assistant", "")
        if parent:  # how much is left to continue, and whether it lasts, is not known
            await eventually(Generation.filter(answer_id=new, request_at__isnull=False).exists)
            await self.tabs[1].send({"type": "response.cancel", "message_id": new})
            assert (await ended(new)).status in (Status.STOPPED, Status.FINAL)
        elif self.texts[made.json()["message_id"]] == LASTING:
            await self._lasts(new)
        else:
            await self._over(new)
        return None

    async def _lasts(self, answer: str) -> None:
        """The answer has begun, and writes no more until something ends it."""
        self.running = answer
        await asyncio.wait_for(self._shows(self.tabs[0], self.tree.path()), SECONDS)
        await self.tabs[0].until_text(answer, 1)

    async def _over(self, answer: str) -> None:
        """The answer is stored, and the model was asked with the path to it."""
        row = await ended(answer)
        assert row.status == Status.FINAL, row.error
        self.texts[answer] = row.content
        asked = await ChatMessage.filter(id__in=self.tree.path()[:-1]).order_by("number")
        wanted: list[tuple[str, list[str]]] = []
        for one in asked:
            if not one.content.strip():
                continue
            if wanted and wanted[-1][0] == one.role == "user":
                wanted[-1][1].append(one.content)
                continue
            if wanted and wanted[-1][0] == one.role:  # the rest of an answer
                wanted.append(("user", [instructions("continue")]))
            wanted.append((one.role, [one.content]))
        generation = await Generation.get(answer_id=answer)
        if not generation.continues:
            assert await self._input_of(generation.id) == ["\n".join(texts) for _, texts in wanted]

    async def _input_of(self, generation_id: UUID) -> list[str]:
        requests = (await self.model.http.get("/control/requests")).json()["requests"]
        [body] = [one for one in requests if (one.get("metadata") or {}).get("generation_id") == str(generation_id)]
        return [text_of(item) for item in body["input"]]


async def _is_gone(site: Site, generation_id: UUID) -> bool:
    return generation_id not in site.resources.worker._replies


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + WALKS))
async def test_everyone_shows_the_path_whatever_is_done(
    alice: Person, model: OfflineServer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.REAPER_SECONDS.replace(monkeypatch, (0.1, 0.2))
    patches.SNAPSHOTS.replace(monkeypatch, STEPS)  # a walk changes versions that no tab shows, again and again
    first = await said(alice, "say hello")
    thread_id = first["thread_id"]
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(alice.tab(thread_id)) for _ in range(2)]
        for tab in tabs:
            await tab.until_type("thread.snapshot")
        walk = Walk(alice, thread_id, tabs, model, Random(seed))
        walk._added({"type": "ack", **first}, None, "say hello")
        await walk.check()
        for _ in range(STEPS):
            await walk.step()
        if walk.running:
            await walk._stop()
        await walk.check()
        await walk.paid()
    logger.info("Walk %s: %s, %s answers", seed, dict(walk.done), walk.answers)
