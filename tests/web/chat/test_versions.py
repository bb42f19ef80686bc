"""Versions of messages: edited, tried again, shown, deleted and branched, in every tab and without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from chat.llm.items import text_of
from chat.models import ChatMessage, ChatThread, Generation, LLMCallLog, Status, ToolCall, User
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND
from tests.support import patches
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.deleted import purged
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.queues import LASTING, queue_up
from tests.support.replies import ended
from tests.support.site import Beside, Site
from tests.support.versions import (
    JSON,
    again,
    branch,
    caught_up,
    delete,
    done,
    edit,
    edit_by,
    path_of,
    said,
    show,
    shown_by,
)
from tests.support.waiting import eventually

STOP = "/chat/{thread_id}/messages/{reply_id}/stop/"
NO_ONE = "01a20460-67e2-7fc6-a25f-80d73be03a97"


async def texts(person: Person, thread_id: str) -> list[str]:
    return [message["content"] for message in await person.messages(thread_id)]


async def input_of_last_request(model: OfflineServer) -> list[str]:
    requests = (await model.http.get("/control/requests")).json()["requests"]
    return [text_of(item) for item in requests[-1]["input"]]


async def running(person: Person, thread_id: str = "") -> dict[str, str]:
    """Ask for an answer that lasts."""
    asked = await person.ask(LASTING, thread_id)
    await eventually(Generation.filter(answer_id=asked["reply_id"], state="running").exists)
    return asked


async def stopped(person: Person, asked: dict[str, str]) -> None:
    async with person.tab(asked["thread_id"]) as tab:
        await tab.send({"type": "response.cancel", "message_id": asked["reply_id"]})
        await ended(asked["reply_id"])


@contextlib.asynccontextmanager
async def elsewhere(site: Site, person: Person) -> AsyncIterator[Person]:
    """The same browser at another server of the same site."""
    browser = {"base_url": site.url, "headers": {"Origin": site.url}, "cookies": person.http.cookies}
    async with new_client(**browser) as http:
        yield Person(site, http, person.email)


# -- edit --------------------------------------------------------------------------------------------------------------


async def test_an_edited_question_is_another_version_in_every_tab_and_the_model_reads_the_path(
    alice: Person, model: OfflineServer
) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    second, third = await said(alice, "say two", thread_id), await said(alice, "say three", thread_id)
    async with alice.tab(thread_id) as tab, alice.tab(thread_id) as other:
        await other.until_type("thread.snapshot")
        ack = await edit_by(tab, second["message_id"], "say 2")
        for one in (tab, other):
            await one.until_finished(ack["reply_id"])
            await caught_up(one, thread_id)
            ids = [first["message_id"], first["reply_id"], ack["message_id"], ack["reply_id"]]
            assert shown_by(one) == ids == await path_of(thread_id)

    edited = (await alice.messages(thread_id))[2]
    assert edited["versions"] == [second["message_id"], ack["message_id"]]
    assert edited["parent_id"] == first["reply_id"]
    assert await input_of_last_request(model) == ["say one", "one", "say 2"]
    assert await ChatMessage.filter(id=third["reply_id"], content="three").exists(), "it stays in the other version"


async def test_the_first_question_can_be_edited_too(alice: Person) -> None:
    first = await said(alice, "say one")
    edited = await done(await edit(alice, first["thread_id"], first["message_id"], "say other"))
    messages = await alice.messages(first["thread_id"])

    assert [message["content"] for message in messages] == ["say other", "other"]
    assert (messages[0]["parent_id"], messages[0]["versions"]) == (None, [first["message_id"], edited["message_id"]])


async def test_an_edit_sent_ten_times_is_one_version(alice: Person) -> None:
    first = await said(alice, "say one")
    sent = [edit(alice, first["thread_id"], first["message_id"], "say 1", client_id=NO_ONE) for _ in range(10)]
    answers = await asyncio.gather(*sent)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await ChatMessage.filter(thread_id=first["thread_id"]).count() == 4


async def test_two_tabs_that_edit_to_two_texts_at_once_get_one_answer_and_one_refusal(alice: Person) -> None:
    first = await said(alice, "say one")
    edits = [edit(alice, first["thread_id"], first["message_id"], f"{text} {LASTING}") for text in ("a", "b")]
    answers = sorted(await asyncio.gather(*edits), key=lambda answer: answer.status_code)

    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "busy"
    await stopped(alice, answers[0].json())
    late = await edit(alice, first["thread_id"], first["message_id"], "say third")
    assert len(await path_of(first["thread_id"])) == 2
    await done(late)
    assert len((await alice.messages(first["thread_id"]))[0]["versions"]) == 3


async def test_what_cannot_be_edited(alice: Person, bob: Person) -> None:
    own, other, foreign = await said(alice, "say one"), await said(alice, "say x"), await said(bob, "say secret")
    thread_id = own["thread_id"]
    wrong = {
        own["reply_id"]: (422, "not_a_question"),
        NO_ONE: (404, "not_found"),
        other["message_id"]: (404, "not_found"),
        foreign["message_id"]: (404, "not_found"),
    }
    async with alice.tab(thread_id) as tab:
        for question, (status, code) in wrong.items():
            by_form = await edit(alice, thread_id, question, "say new")
            nack = await edit_by(tab, question, "say new")
            assert (by_form.status_code, by_form.json()["code"]) == (status, code)
            assert (nack["type"], nack["code"]) == ("nack", code)
    nonsense = await edit(alice, thread_id, "nonsense", "say new")
    form = {"message": "say new", "edits": own["message_id"]}
    in_no_thread = await alice.http.post("/chat/", data=form, headers=JSON)
    into_foreign = await edit(bob, thread_id, own["message_id"], "say new")

    assert [one.status_code for one in (nonsense, into_foreign, in_no_thread)] == [404] * 3
    assert await ChatThread.filter(user__email=alice.email).count() == 2
    assert await texts(alice, thread_id) == ["say one", "one"]


async def test_while_an_answer_runs_an_edit_is_refused_and_its_text_is_kept(alice: Person) -> None:
    asked = await running(alice)
    refused = await edit(alice, asked["thread_id"], asked["message_id"], "say new", queue="1")
    form = {"message": "say new", "edits": asked["message_id"]}
    page = Page((await alice.http.post(f"/chat/{asked['thread_id']}/", data=form)).text)
    await stopped(alice, asked)

    assert (refused.status_code, refused.json()["code"]) == (409, "busy")
    assert page.find("textarea", id="message").text.strip() == "say new"
    assert await ChatMessage.filter(thread_id=asked["thread_id"]).count() == 2


async def test_editing_begins_without_javascript(alice: Person, bob: Person) -> None:
    first, foreign = await said(alice, "say <one>"), await said(bob, "say secret")
    address = f"/chat/{first['thread_id']}/"
    page = Page((await alice.http.get(address, params={"edit": first["message_id"]})).text)

    assert page.find("textarea", id="message").text.strip() == "say <one>"
    for nothing in (first["reply_id"], foreign["message_id"], NO_ONE, "nonsense", ""):
        answer = await alice.http.get(address, params={"edit": nothing})
        assert answer.status_code == 200
        assert Page(answer.text).find("textarea", id="message").text.strip() == ""


async def test_a_message_has_at_most_a_hundred_versions(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await said(alice, "say one")
    await done(await edit(alice, first["thread_id"], first["message_id"], "say 2"))
    patches.MOST_VERSIONS.replace(monkeypatch, 2)
    edited = await edit(alice, first["thread_id"], first["message_id"], "say 3")
    await done(await again(alice, first["thread_id"], first["reply_id"]))
    tried = await again(alice, first["thread_id"], first["reply_id"], client_id=NO_ONE)

    for refused in (edited, tried):
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_versions")


# -- what the writer saw -----------------------------------------------------------------------------------------------


async def test_a_message_goes_where_its_writer_was_when_another_version_is_shown_meanwhile(
    alice: Person, model: OfflineServer
) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    other = await done(await edit(alice, thread_id, first["message_id"], "say other"))
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await show(alice, thread_id, first["message_id"])
        client_id = str(uuid.uuid4())
        frame = {"type": "message.send", "client_id": client_id, "content": "say next", "head_id": other["reply_id"]}
        await tab.send(frame)
        ack = await tab.until_type("ack")
        await ended(ack["reply_id"])
        await caught_up(tab, thread_id)
        path = [other["message_id"], other["reply_id"], ack["message_id"], ack["reply_id"]]

        assert shown_by(tab) == path == await path_of(thread_id)
    assert await input_of_last_request(model) == ["say other", "other", "say next"]


@pytest.mark.parametrize("seen", [NO_ONE, "nonsense", ""])
async def test_without_a_message_that_its_writer_saw_a_message_goes_to_the_end(alice: Person, seen: str) -> None:
    first = await said(alice, "say one")
    form = {"message": "say two", "head_id": seen}
    answer = await alice.http.post(f"/chat/{first['thread_id']}/", data=form, headers=JSON)
    await done(answer)

    assert await texts(alice, first["thread_id"]) == ["say one", "one", "say two", "two"]


async def test_a_message_after_one_that_is_still_shown_goes_to_the_end(alice: Person) -> None:
    first = await said(alice, "say one")
    second = await said(alice, "say two", first["thread_id"])
    form = {"message": "say three", "head_id": first["reply_id"]}
    third = await done(await alice.http.post(f"/chat/{first['thread_id']}/", data=form, headers=JSON))

    assert (await ChatMessage.get(id=third["message_id"])).parent_id == uuid.UUID(second["reply_id"])


# -- try again and continue --------------------------------------------------------------------------------------------


@pytest.fixture
async def carol(beside: Beside) -> AsyncIterator[Person]:
    async with beside(LLM_MODELS="offline,offline-small") as site, Person.signed_up(site, "carol") as person:
        yield person


async def test_an_answer_is_tried_again_by_another_model_for_once(carol: Person) -> None:
    first = await said(carol, "say one")
    tried = await done(await again(carol, first["thread_id"], first["reply_id"], model="offline-small"))
    refused = await again(carol, first["thread_id"], first["reply_id"], model="unknown")
    models = await Generation.filter(thread_id=first["thread_id"]).order_by("attempt").values_list("model", flat=True)

    assert (models[0] == "offline-small", models[1]) == (False, "offline-small")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_model")
    assert (await ChatThread.get(id=first["thread_id"])).model == ""
    assert (await carol.messages(first["thread_id"]))[1]["versions"] == [first["reply_id"], tried["reply_id"]]


async def test_trying_again_with_a_client_id_gets_the_same_answer_at_any_time(alice: Person) -> None:
    first = await said(alice, "say one")
    clicks = [again(alice, first["thread_id"], first["reply_id"], client_id=NO_ONE) for _ in range(10)]
    answers = await asyncio.gather(*clicks)
    await done(answers[0])
    await said(alice, "say two", first["thread_id"])
    late = await again(alice, first["thread_id"], first["reply_id"], client_id=NO_ONE)
    another = await done(await again(alice, first["thread_id"], first["reply_id"], client_id=str(uuid.uuid4())))
    bad = await again(alice, first["thread_id"], first["reply_id"], client_id="nonsense")

    assert len({answer.text for answer in (*answers, late)}) == 1
    assert another["reply_id"] not in late.text
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_client_id")


async def test_any_answer_that_was_cut_off_can_be_continued(alice: Person, model: OfflineServer) -> None:
    first = await said(alice, "say one two three [offline: cut=1 times=1]")
    thread_id = first["thread_id"]
    second = await said(alice, "say goodbye", thread_id)
    continued = await done(await again(alice, thread_id, first["reply_id"], go_on="1"))
    [question, cut, rest] = await alice.messages(thread_id)

    assert [question["id"], cut["id"], rest["id"]] == [first["message_id"], first["reply_id"], continued["reply_id"]]
    assert (rest["continues"], rest["parent_id"], cut["versions"]) == (True, first["reply_id"], [])
    assert rest["versions"] == [second["message_id"], continued["reply_id"]], "both follow the same answer"
    assert len(await input_of_last_request(model)) == 3


# -- show --------------------------------------------------------------------------------------------------------------


async def test_another_version_is_shown_in_every_tab_with_what_was_written_below_it_last(alice: Person) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    second = await said(alice, "say two", thread_id)
    other = await done(await edit(alice, thread_id, first["message_id"], "say other"))
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        answer = await show(alice, thread_id, first["message_id"])
        changed = await tab.until_type("path.changed")
        await caught_up(tab, thread_id)
        everything = [*list(first.values())[1:], *list(second.values())[1:]]

        assert (answer.status_code, changed["head_id"]) == (204, second["reply_id"])
        assert shown_by(tab) == [one for one in everything if one] == await path_of(thread_id)
    rev = (await ChatThread.get(id=thread_id)).rev
    same = await show(alice, thread_id, second["message_id"])
    by_form = await alice.http.post(f"/chat/{thread_id}/head/", data={"message_id": other["message_id"]})
    assert (same.status_code, (by_form.status_code, by_form.headers["Location"])) == (204, (303, f"/chat/{thread_id}/"))
    assert (await ChatThread.get(id=thread_id)).rev == rev + 1, "the version that is shown already changes nothing"


async def test_versions_can_be_switched_quickly(alice: Person) -> None:
    first = await said(alice, "say one")
    other = await done(await edit(alice, first["thread_id"], first["message_id"], "say other"))
    async with alice.tab(first["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        for number in range(10):
            await show(alice, first["thread_id"], (first, other)[number % 2]["message_id"])
            await caught_up(tab, first["thread_id"])
            assert shown_by(tab) == await path_of(first["thread_id"])


async def test_an_answer_that_runs_in_another_version_is_named_and_can_be_stopped_and_shown(alice: Person) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    edited = (await edit(alice, thread_id, first["message_id"], LASTING)).json()
    await show(alice, thread_id, first["reply_id"])
    async with alice.tab(thread_id) as tab:
        snapshot = await tab.until_type("thread.snapshot")
        await stopped(alice, edited)
        await caught_up(tab, thread_id)

        assert snapshot["running"] == {"message_id": edited["reply_id"], "shown": False}
        assert shown_by(tab) == [first["message_id"], first["reply_id"]]
        assert tab.store.elsewhere is None
    assert (await ChatMessage.get(id=edited["reply_id"])).status == Status.STOPPED


# -- delete ------------------------------------------------------------------------------------------------------------


async def test_a_version_is_deleted_with_all_below_it_after_a_count(alice: Person) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    other = await done(await edit(alice, thread_id, first["message_id"], "say other"))
    more = await said(alice, "say more", thread_id)
    address = f"/chat/{thread_id}/messages/{other['message_id']}/delete/"
    counted, page = await alice.http.get(address, headers=JSON), Page((await alice.http.get(address)).text)
    last = Page((await alice.http.get(f"/chat/{thread_id}/messages/{more['reply_id']}/delete/")).text)
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        answer = await delete(alice, thread_id, other["message_id"])
        await caught_up(tab, thread_id)

        assert (counted.json(), "4 messages" in page.text, answer.status_code) == ({"count": 4}, True, 204)
        assert shown_by(tab) == [first["message_id"], first["reply_id"]] == await path_of(thread_id)
    assert "Delete this answer?" in last.text
    assert (await alice.messages(thread_id))[0]["versions"] == []
    assert await ChatMessage.filter(thread_id=thread_id).count() == 2
    assert await LLMCallLog.filter(user__email=alice.email, caller="chat").count() == 3, (
        "what was paid stays in the books"
    )


async def test_after_the_only_version_the_message_before_it_is_the_last(alice: Person) -> None:
    first = await said(alice, "say one")
    second = await said(alice, "say two", first["thread_id"])
    await delete(alice, first["thread_id"], second["message_id"])
    third = await said(alice, "say three", first["thread_id"])

    assert (await ChatMessage.get(id=third["message_id"])).parent_id == uuid.UUID(first["reply_id"])
    await delete(alice, first["thread_id"], first["message_id"])
    assert await alice.messages(first["thread_id"]) == []
    await said(alice, "say four", first["thread_id"])
    assert await texts(alice, first["thread_id"]) == ["say four", "four"]


async def test_a_version_that_is_not_shown_is_deleted_and_the_path_stays(alice: Person) -> None:
    first = await said(alice, "say one")
    tried = await done(await again(alice, first["thread_id"], first["reply_id"]))
    await delete(alice, first["thread_id"], first["reply_id"])

    assert await path_of(first["thread_id"]) == [first["message_id"], tried["reply_id"]]


async def test_an_answer_that_runs_in_a_deleted_version_ends_and_is_paid_and_pauses_the_queue(alice: Person) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    async with alice.tab(thread_id) as tab, alice.tab(thread_id) as other:
        await other.until_type("thread.snapshot")
        asked = await running(alice, thread_id)
        await queue_up(tab, "say waiting")
        await delete(alice, thread_id, asked["message_id"])
        for one in (tab, other):
            await one.until(lambda frame: frame["type"] == "queue.changed" and bool(frame["paused"]))
            await caught_up(one, thread_id)
            assert shown_by(one) == [first["message_id"], first["reply_id"]]
        calls = LLMCallLog.filter(user__email=alice.email, caller="chat")
        await eventually(lambda: _counted(calls.count, 2))

    assert not await Generation.filter(thread_id=thread_id, state__in=["queued", "running"]).exists()
    assert await texts(alice, thread_id) == ["say one", "one"]


async def _counted(count: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await count() == wanted


async def test_a_message_sent_again_after_its_answer_was_deleted_is_not_stored_again(alice: Person) -> None:
    answer = await alice.post("say one", client_id=NO_ONE)
    first = await done(answer)
    await delete(alice, first["thread_id"], first["reply_id"])
    late = await alice.post("say one", first["thread_id"], NO_ONE)

    assert (late.status_code, late.json()["message_id"], late.json()["reply_id"]) == (201, first["message_id"], None)


# -- limits ------------------------------------------------------------------------------------------------------------


async def counted(site: Site, person: Person) -> int:
    """How many messages the limit per minute has counted, while it is unforgiving."""
    user = await User.get(email=person.email)
    left_ms = await site.resources.limits._redis.pttl(f"limit:{MESSAGE_EACH_MINUTE.name}:{user.id}")
    return max(0, -(-left_ms // MESSAGE_EACH_MINUTE.interval_ms))


@pytest.mark.usefixtures("unforgiving")
async def test_each_attempt_counts_also_the_same_one_after_another(alice: Person, throttled: Site) -> None:
    first = await said(alice, "say one")
    thread_id = first["thread_id"]
    user = await User.get(email=alice.email)
    async with elsewhere(throttled, alice) as here:
        second = await done(await again(here, thread_id, first["reply_id"]))
        await throttled.resources.limits.reset(MESSAGE_EACH_SECOND, str(user.id))
        await done(await again(here, thread_id, second["reply_id"]))
        third = await again(here, thread_id, first["reply_id"])

    assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
    assert await Generation.filter(thread_id=thread_id).count() == 3


@pytest.mark.usefixtures("unforgiving")
async def test_a_message_that_is_sent_again_after_it_was_deleted_counts_again(alice: Person, throttled: Site) -> None:
    thread_id = (await said(alice, "say one"))["thread_id"]
    async with elsewhere(throttled, alice) as here:
        sent = await done(await here.post("say two", thread_id, NO_ONE))
        await delete(here, thread_id, sent["message_id"])
        late = await here.post("say two", thread_id, NO_ONE)

    assert (late.status_code, late.json()["code"]) == (429, "rate_limited")


@pytest.mark.usefixtures("unforgiving")
async def test_copies_of_a_message_or_an_attempt_at_once_count_once(alice: Person, throttled: Site) -> None:
    first = await running(alice)
    await stopped(alice, first)
    thread_id, user = first["thread_id"], await User.get(email=alice.email)
    async with elsewhere(throttled, alice) as here:
        attempts = await asyncio.gather(*(again(here, thread_id, first["reply_id"]) for _ in range(5)))
        await stopped(here, attempts[0].json())
        assert await counted(throttled, alice) == 1
        await throttled.resources.limits.reset(MESSAGE_EACH_SECOND, str(user.id))
        messages = await asyncio.gather(*(here.post(f"two {LASTING}", thread_id, NO_ONE) for _ in range(5)))
        assert await counted(throttled, alice) == 2
        await stopped(here, messages[0].json())

    assert {answer.status_code for answer in (*attempts, *messages)} == {201}
    assert len({answer.text for answer in attempts}) == len({answer.text for answer in messages}) == 1


# -- branch ------------------------------------------------------------------------------------------------------------


async def test_a_branch_is_a_copy_of_the_path_with_a_link_back(alice: Person, model: OfflineServer) -> None:
    first = await said(alice, "What time is it? [offline: tool=current_time]")
    thread_id = first["thread_id"]
    await done(await again(alice, thread_id, first["reply_id"]))
    second = await said(alice, "say two", thread_id)
    await said(alice, "say three", thread_id)
    answers = [await branch(alice, thread_id, second["reply_id"], client_id=NO_ONE) for _ in range(2)]
    copy_id = answers[0].json()["thread_id"]
    original, copy = await alice.messages(thread_id), await alice.messages(copy_id)
    page = Page((await alice.http.get(f"/chat/{copy_id}/")).text)
    third = await said(alice, "say more", copy_id)

    assert ([one.status_code for one in answers], answers[0].text) == ([201, 201], answers[1].text)
    assert [one["content"] for one in copy] == [one["content"] for one in original[:4]]
    assert [one["tools"] for one in copy] == [one["tools"] for one in original[:4]]
    assert all(one["versions"] == [] for one in copy)
    assert not {one["id"] for one in copy} & {one["id"] for one in original}
    assert (await ChatThread.get(id=copy_id)).forked_from_id == uuid.UUID(thread_id)
    assert (await input_of_last_request(model))[-2:] == ["two", "say more"]
    assert (await ChatMessage.get(id=third["message_id"])).number == 5
    assert await ToolCall.filter(generation__thread_id=copy_id).exists()
    assert page.text


async def test_a_branch_outlives_the_chat_that_it_is_from(alice: Person) -> None:
    first = await said(alice, "say one")
    copy_id = (await branch(alice, first["thread_id"], first["reply_id"])).json()["thread_id"]
    await alice.http.post(f"/chat/{first['thread_id']}/delete/", headers=JSON)
    assert first["thread_id"] not in (await alice.http.get(f"/chat/{copy_id}/")).text
    await purged(first["thread_id"])

    assert await texts(alice, copy_id) == ["say one", "one"]
    assert (await ChatThread.get(id=copy_id)).forked_from_id is None


async def test_a_chat_with_too_much_text_is_not_copied(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await said(alice, "What time is it? [offline: tool=current_time]")
    call = await ToolCall.get(generation__answer_id=first["reply_id"])
    texts = [message["content"] for message in await alice.messages(first["thread_id"])]
    size = sum(len(text.encode()) for text in (*texts, call.arguments, call.output))
    patches.MOST_BRANCHED_BYTES.replace(monkeypatch, size - 1)
    refused = await branch(alice, first["thread_id"], first["reply_id"])
    patches.MOST_BRANCHED_BYTES.replace(monkeypatch, size)
    copied = await branch(alice, first["thread_id"], first["reply_id"])

    assert (refused.status_code, refused.json()["code"]) == (422, "too_long")
    assert copied.status_code == 201


@pytest.mark.usefixtures("unforgiving")
async def test_five_branches_can_be_made_at_once(alice: Person, throttled: Site) -> None:
    first = await said(alice, "say one")
    async with elsewhere(throttled, alice) as here:
        answers = [await branch(here, first["thread_id"], first["reply_id"]) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert answers[5].headers["Retry-After"]
    assert await ChatThread.filter(user__email=alice.email).count() == 6


async def test_what_cannot_be_branched(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await said(alice, "say one")
    patches.MOST_BRANCHED.replace(monkeypatch, 1)
    too_long = await branch(alice, first["thread_id"], first["reply_id"])
    asked = await running(alice, first["thread_id"])
    running_now = await branch(alice, first["thread_id"], asked["reply_id"])
    await stopped(alice, asked)

    assert (too_long.status_code, too_long.json()["code"]) == (422, "too_long")
    assert (running_now.status_code, running_now.json()["code"]) == (409, "busy")
    assert await ChatThread.filter(user__email=alice.email).count() == 1


# -- strangers and nonsense --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", [again, show, delete, branch])
async def test_what_is_not_there_is_not_found_and_neither_is_what_belongs_to_someone_else(
    alice: Person, bob: Person, nobody: Person, deed: Callable[..., Awaitable[httpx.Response]]
) -> None:
    own, other, foreign = await said(alice, "say one"), await said(alice, "say x"), await said(bob, "say secret")
    emails = [alice.email, bob.email]
    messages, threads = ChatMessage.filter(thread__user__email__in=emails), ChatThread.filter(user__email__in=emails)
    counts = await messages.count(), await threads.count()
    wrong = ["nonsense", NO_ONE, other["reply_id"], foreign["reply_id"]]
    answers = [await deed(alice, own["thread_id"], message_id) for message_id in wrong]
    answers += [await deed(alice, foreign["thread_id"], foreign["reply_id"])]
    answers += [await deed(alice, NO_ONE, own["reply_id"])]
    anonymous = await deed(nobody, own["thread_id"], own["reply_id"])

    assert {answer.status_code for answer in answers} == {404}
    assert anonymous.status_code in (303, 401)
    assert (await messages.count(), await threads.count()) == counts


async def test_a_question_has_no_other_attempt(alice: Person) -> None:
    first = await said(alice, "say one")
    refused = await again(alice, first["thread_id"], first["message_id"])

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


# Stopping without a socket


async def test_an_answer_is_stopped_by_a_form_of_its_page(alice: Person, bob: Person, nobody: Person) -> None:
    asked = await running(alice)
    address = STOP.format(**asked)
    page = await alice.http.get(f"/chat/{asked['thread_id']}/")
    foreign = await bob.http.post(address)
    unknown = await nobody.http.post(address, headers=JSON)
    still = await Generation.filter(answer_id=asked["reply_id"], cancel_at=None).exists()
    answer = await alice.http.post(address)
    await ended(asked["reply_id"])
    again = await alice.http.post(address, headers=JSON)

    assert f'action="{address}"' in page.text
    assert (foreign.status_code, unknown.status_code, still) == (404, 401, True)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{asked['thread_id']}/")
    assert (await ChatMessage.get(id=asked["reply_id"])).status == Status.STOPPED
    assert again.status_code == 204
