"""A first conversation, from signing up to logging out, as one browser with two tabs lives it."""

from __future__ import annotations

import uuid
from contextlib import AbstractAsyncContextManager

import pytest
import websockets

from chat.models import ChatMessage, Generation, LLMCallLog
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.tab import Tab

HOW_FAR = ", ".join(str(number) for number in range(1, 301))


class Reloaded:
    """A thread's page and the tab that it opens, which begins where the page ends."""

    def __init__(self, person: Person, html: str) -> None:
        self._person = person
        self.page = Page(html)
        main = self.page.find("main")
        self.thread_id, self.cursor, self.rev = main["data-thread-id"], main["data-cursor"], int(main["data-rev"])
        self.messages = [
            {
                "id": article["data-message-id"],
                "role": article["data-role"],
                "status": article["data-status"],
                "content": content.text,
            }
            for article, content in zip(
                self.page.all("article"), self.page.all("div", class_="markdown-content"), strict=True
            )
            if article["data-message-id"]
        ]

    @classmethod
    async def of(cls, person: Person, path: str) -> Reloaded:
        """Reload the page and reconnect."""
        answer = await person.http.get(path)
        assert answer.status_code == 200
        return cls(person, answer.text)

    def tab(self) -> AbstractAsyncContextManager[Tab]:
        """Sends hello with the page's cursor and rev."""
        return self._person.tab(self.thread_id, cursor=self.cursor, rev=self.rev)

    def fill(self, tab: Tab) -> None:
        """The page's messages are what the tab starts from."""
        tab.store.messages = [dict(message) for message in self.messages]


async def test_a_first_conversation(nobody: Person, bob: Person, model: OfflineServer) -> None:
    alice = nobody
    visit = await alice.http.get("/chat/")
    assert visit.headers["Location"] == "/accounts/login/?next=/chat/"
    entered = await alice.sign_up(f"alice-{uuid.uuid4().hex[:8]}@example.com")
    assert entered.headers["Location"] == "/chat/"

    form = Page((await alice.http.get("/chat/")).text)
    fields = {"message": "Count to 300 [offline: pace=8]", "client_id": form.find("input", name="client_id")["value"]}
    sent = await alice.http.post(form.find("form", id="composer")["action"], data=fields)
    sent_again = await alice.http.post(form.find("form", id="composer")["action"], data=fields)
    path = sent.headers["Location"]
    assert (sent.status_code, sent_again.headers["Location"]) == (303, path)

    opened = await Reloaded.of(alice, path)
    question, answer = opened.messages
    assert (question["role"], question["content"]) == ("user", fields["message"])
    async with opened.tab() as one, opened.tab() as two:
        opened.fill(one)
        opened.fill(two)
        await one.until_text(answer["id"], 100)
        reloaded = await Reloaded.of(alice, path)  # in the middle of the answer
        assert reloaded.messages[1]["status"] == "streaming"
        assert (await bob.http.get(path)).status_code == 404
        assert HOW_FAR.startswith(reloaded.messages[1]["content"])
        async with reloaded.tab() as late:
            reloaded.fill(late)
            answers = [await tab.until_finished(answer["id"]) for tab in (one, two, late)]
            assert [one["content"] for one in answers] == [HOW_FAR] * 3
            assert {one["status"] for one in answers} == {"final"}
            assert late.frames[0]["mode"] == "replay"

            ack = await two.say("Count to 9000 [offline: pace=8]")
            assert ack["type"] == "ack"
            await one.until_text(ack["reply_id"], 50)
            assert (await one.say("Me too"))["code"] == "busy"
            await late.send({"type": "response.cancel", "message_id": ack["reply_id"]})
            stopped = [await tab.until_finished(ack["reply_id"]) for tab in (one, two, late)]
            assert {one["status"] for one in stopped} == {"stopped"}
            assert len({one["content"] for one in stopped}) == 1
            assert [one["role"] for one in late.store.messages] == ["user", "assistant"] * 2

            await alice.http.post("/accounts/logout/")
            for tab in (one, two, late):
                assert await closed_with(tab) == 4501
    assert (await alice.http.get(path)).headers["Location"] == f"/accounts/login/?next={path}"

    rows = await ChatMessage.filter(thread_id=opened.thread_id).order_by("number")
    assert [(row.status, row.content) for row in rows[1::2]] == [("final", HOW_FAR), ("stopped", stopped[0]["content"])]
    for generation in await Generation.filter(thread_id=opened.thread_id):
        assert await model.creates(str(generation.id)) == 1
        assert await LLMCallLog.filter(generation_id=generation.id).count() == 1


async def closed_with(tab: Tab) -> int:
    with pytest.raises(websockets.ConnectionClosed) as closed:
        while True:
            await tab.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
