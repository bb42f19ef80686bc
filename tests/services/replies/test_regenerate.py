"""Regenerating an answer, or continuing one that was cut off: a new answer, and the old one stays."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from chat.llm.items import text_of
from chat.models import ChatMessage, ChatThread, Generation
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.replies import answered, ready
from tests.support.tab import Tab

BROKEN = "say one two three four five six seven [offline: cut=3 times=1]"


async def again(person: Person, thread_id: str, answer_id: str, **fields: str) -> httpx.Response:
    """Regenerate as a program would."""
    data = {"message_id": answer_id, **fields}
    return await person.http.post(f"/chat/{thread_id}/again/", data=data, headers={"Accept": "application/json"})


async def broken(person: Person, text: str = BROKEN) -> dict[str, str]:
    """An answer that ended as interrupted."""
    posted = await person.ask(text)
    async with person.tab(posted["thread_id"]) as tab:
        assert (await tab.until_finished(posted["reply_id"]))["status"] in ("interrupted", "error")
    return posted


async def ended(tab: Tab, answer: httpx.Response) -> ChatMessage:
    assert answer.status_code == 201, answer.text
    await tab.until_finished(answer.json()["reply_id"])
    return await ChatMessage.get(id=answer.json()["reply_id"])


async def test_regenerating_asks_the_same_question_again(alice: Person, model: OfflineServer) -> None:
    posted = await broken(alice)
    async with alice.tab(posted["thread_id"]) as tab, alice.tab(posted["thread_id"]) as other:
        answer = await again(alice, posted["thread_id"], posted["reply_id"])
        row = await ended(tab, answer)
        seen = await other.until_finished(answer.json()["reply_id"])
    first = await ChatMessage.get(id=posted["reply_id"])
    generations = await Generation.filter(thread_id=posted["thread_id"]).order_by("attempt")

    assert (row.status, row.content) == ("interrupted", first.content)  # the script strikes each attempt
    assert seen["content"] == row.content
    assert (first.status, first.number, row.number) == ("interrupted", 2, 3)
    assert [one.attempt for one in generations] == [1, 2]
    assert answer.json()["message_id"] == posted["message_id"]


async def test_replaced_answers_are_not_part_of_the_prompt(alice: Person, model: OfflineServer) -> None:
    posted = await broken(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await ended(tab, await again(alice, posted["thread_id"], posted["reply_id"]))
        await answered(alice, "Hello again", posted["thread_id"])
    requests = (await model.http.get("/control/requests")).json()["requests"]
    said = [text_of(item) for item in requests[-1]["input"]]

    assert len(said) == 3
    assert said[-1] == "Hello again"


async def test_going_on_shows_the_model_what_there_is(alice: Person, model: OfflineServer) -> None:
    posted = await broken(alice)
    first = await ChatMessage.get(id=posted["reply_id"])
    async with alice.tab(posted["thread_id"]) as tab:
        await ended(tab, await again(alice, posted["thread_id"], posted["reply_id"], go_on="1"))
    requests = (await model.http.get("/control/requests")).json()["requests"]
    roles = [(item["role"], text_of(item)) for item in requests[-1]["input"]]

    assert roles[1] == ("assistant", first.content)
    assert roles[2][0] == "user"
    assert "Continue" in roles[2][1]


async def test_an_answer_that_is_complete_can_be_tried_again_and_not_gone_on_with(alice: Person) -> None:
    posted = await alice.ask("say hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        refused = await again(alice, posted["thread_id"], posted["reply_id"], go_on="1")
        row = await ended(tab, await again(alice, posted["thread_id"], posted["reply_id"]))

    assert (refused.status_code, refused.json()["code"]) == (409, "too_late")
    assert row.content == "hello"


async def test_an_answer_that_was_cut_off_can_be_continued(alice: Person) -> None:
    posted = await alice.ask("count to 20 [offline: incomplete times=1]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        [end] = [frame for frame in tab.frames if frame["type"] == "final"]
        [shown] = (await alice.messages(posted["thread_id"]))[1:]
        row = await ended(tab, await again(alice, posted["thread_id"], posted["reply_id"], go_on="1"))

    assert (end["can_continue"], shown["can_continue"]) == (True, True)
    assert (row.status, row.error) == ("final", "")


@pytest.mark.parametrize(("status", "code", "retryable"), [(500, "", True), (429, "insufficient_quota", False)])
async def test_whether_trying_again_may_help_is_still_known_later(
    alice: Person, status: int, code: str, retryable: bool
) -> None:
    before = await ready(alice)
    async with alice.tab(before["thread_id"]) as tab:  # open before the end, which comes at once
        await tab.until_type("welcome")
        text = f"say hello [offline: status={status}{code and f' code={code}'}]"
        posted = await alice.ask(text, before["thread_id"])
        await tab.until_finished(posted["reply_id"])
        [end] = [frame for frame in tab.frames if frame["type"] == "response.error"]

    assert end["retryable"] is retryable
    assert (await alice.messages(posted["thread_id"]))[-1]["retryable"] is retryable


async def test_any_answer_can_be_tried_again_and_what_follows_it_is_asked_anew(
    alice: Person, model: OfflineServer
) -> None:
    posted = await broken(alice)
    await answered(alice, "say goodbye", posted["thread_id"])
    async with alice.tab(posted["thread_id"]) as tab:
        answer = await ended(tab, await again(alice, posted["thread_id"], posted["reply_id"]))
    requests = (await model.http.get("/control/requests")).json()["requests"]
    shown = await alice.messages(posted["thread_id"])

    assert [one["id"] for one in shown] == [posted["message_id"], str(answer.id)]
    assert shown[1]["versions"] == [posted["reply_id"], str(answer.id)]
    assert [text_of(item) for item in requests[-1]["input"]] == [BROKEN]


async def test_ten_clicks_at_once_are_one_attempt_and_all_get_its_answer(alice: Person, model: OfflineServer) -> None:
    posted = await broken(alice, BROKEN.replace("times=1", "times=1 delay_first=0.5"))
    clicks = (again(alice, posted["thread_id"], posted["reply_id"]) for _ in range(10))
    answers = await asyncio.gather(*clicks)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 3


@pytest.mark.parametrize("answer_id", ["", "nonsense", "01a20460-67e2-7fc6-a25f-80d73be03a97"])
async def test_a_missing_answer_cannot_be_regenerated(alice: Person, answer_id: str) -> None:
    posted = await broken(alice)
    refused = await again(alice, posted["thread_id"], answer_id)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await ChatThread.get(id=posted["thread_id"])).message_count == 2


async def test_strangers_cannot_regenerate(alice: Person, bob: Person, nobody: Person) -> None:
    posted = await broken(alice)
    own = await broken(bob)
    foreign = await again(bob, posted["thread_id"], posted["reply_id"])
    mixed = await again(bob, own["thread_id"], posted["reply_id"])
    anonymous = await again(nobody, posted["thread_id"], posted["reply_id"])

    assert (foreign.status_code, mixed.status_code) == (404, 404)
    assert anonymous.status_code in (303, 401)
    assert await Generation.filter(thread_id=posted["thread_id"]).count() == 1


async def test_without_javascript_it_leads_back_to_the_thread(alice: Person) -> None:
    posted = await broken(alice)
    answer = await alice.http.post(f"/chat/{posted['thread_id']}/again/", data={"message_id": posted["reply_id"]})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{posted['thread_id']}/")
