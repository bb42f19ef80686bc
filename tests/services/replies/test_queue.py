"""The queue: messages that wait for the answers before them, one after the other, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zipfile import ZipFile

import pytest

from chat.events import MESSAGE_MAX_LENGTH
from chat.models import ChatMessage, ChatThread, Generation, QueuedMessage, User
from chat.services.accounts import export
from chat.services.replies import queue_runs
from chat.services.replies.queue import MOST_QUEUED
from chat.services.replies.worker import Worker
from chat.web.resources import Resources
from tests.support import patches
from tests.support.cast import Person
from tests.support.deleted import purged
from tests.support.queues import LASTING, Gate, all_answered, asked, gated, posted, press, queue_up, waiting
from tests.support.replies import ended, ready
from tests.support.site import Beside, Site
from tests.support.waiting import eventually


@pytest.fixture
async def gate(site: Site) -> AsyncIterator[Gate]:
    """Answers end when the test lets them; nothing that waits afterwards takes the place of another test's."""
    with gated(site) as gate:
        yield gate
        await QueuedMessage.all().delete()


async def running(person: Person, text: str = "say zero") -> str:
    """A thread with an answer that is being written."""
    return (await person.ask(text))["thread_id"]


async def queued(person: Person, thread_id: str, *texts: str) -> list[str]:
    """Messages that wait; returns their client ids."""
    ids = [str(uuid.uuid4()) for _ in texts]
    for client_id, text in zip(ids, texts, strict=True):
        answer = await posted(person, thread_id, text, client_id)
        assert answer.status_code == 202, answer.text
    return ids


async def stopped(person: Person, thread_id: str) -> None:
    """Stop the running answer, and wait for its end."""
    answer = await Generation.get(thread_id=thread_id, state__in=["queued", "running"])
    async with person.tab(thread_id) as tab:
        await tab.send({"type": "response.cancel", "message_id": str(answer.answer_id)})
        await ended(str(answer.answer_id))


async def paused(thread_id: str) -> str:
    return (await ChatThread.get(id=thread_id)).queue_paused


async def test_messages_are_sent_one_by_one_in_order(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two", "say three")
    assert await asked(thread_id) == ["say zero"]

    gate.let_end()
    await eventually(lambda: Generation.filter(thread_id=thread_id).count())
    await eventually(lambda: second_runs(thread_id))
    assert (await asked(thread_id), await waiting(thread_id)) == (["say zero", "say one"], ["say two", "say three"])
    gate.let_end(3)
    answers = await all_answered(thread_id, 4)

    assert await asked(thread_id) == ["say zero", "say one", "say two", "say three"]
    assert [one.content for one in answers] == ["zero", "one", "two", "three"]
    assert {one.status for one in answers} == {"final"}


async def second_runs(thread_id: str) -> bool:
    return await Generation.filter(thread_id=thread_id).count() == 2


async def test_every_tab_sees_the_queue_and_each_change(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    async with alice.tab(thread_id) as one, alice.tab(thread_id) as two:
        for tab in (one, two):
            assert (await tab.until_type("thread.snapshot"))["queue"] == {"paused": "", "items": []}
        ack = await queue_up(one, "say one")
        gate.let_end(2)
        for tab in (one, two):
            await tab.until_type("final")
            await tab.until_type("final")

    client_id = ack["client_id"]
    assert ack == {"type": "ack", "client_id": client_id, "message_id": None, "reply_id": None, "queued": True}
    for tab in (one, two):
        changes = [frame["items"] for frame in tab.frames if frame["type"] == "queue.changed"]
        assert [[(item["client_id"], item["content"]) for item in items] for items in changes] == [
            [(client_id, "say one")],
            [],
        ]
        [created] = [frame["message"] for frame in tab.frames if frame["type"] == "message.created"]
        assert (created["client_id"], created["content"]) == (client_id, "say one")
        assert not tab.store.syncs, "every rev arrived in its order"


async def test_a_page_that_is_loaded_later_shows_the_queue(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two")
    async with alice.tab(thread_id) as tab:
        snapshot = await tab.until_type("thread.snapshot")

    assert [item["content"] for item in snapshot["queue"]["items"]] == ["say one", "say two"]


async def test_without_the_flag_a_message_is_busy_as_before(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    refused = await alice.post("say one", thread_id)

    assert (refused.status_code, refused.json()["code"]) == (409, "busy")
    assert await waiting(thread_id) == []


async def test_a_message_with_the_flag_is_sent_at_once_if_nothing_runs(alice: Person) -> None:
    thread_id = (await ready(alice))["thread_id"]
    answer = await posted(alice, thread_id, "say one")

    assert answer.status_code == 201
    assert answer.json()["queued"] is False
    await all_answered(thread_id, 2)


async def test_ten_copies_at_once_are_one_message(alice: Person, gate: Gate) -> None:
    thread_id, client_id = await running(alice), str(uuid.uuid4())
    async with alice.tab(thread_id) as tab:
        answers = await asyncio.gather(*(posted(alice, thread_id, "say one", client_id) for _ in range(5)))
        acks = [await queue_up(tab, "say one", client_id) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {202}
    assert {ack["queued"] for ack in acks} == {True}
    assert await waiting(thread_id) == ["say one"]


async def test_a_copy_that_arrives_after_the_message_was_sent_gets_its_ids(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    [client_id] = await queued(alice, thread_id, "say one")
    gate.let_end(2)
    await all_answered(thread_id, 2)
    late = await posted(alice, thread_id, "say one", client_id)

    question = await ChatMessage.get(thread_id=thread_id, client_id=client_id)
    assert (late.status_code, late.json()["message_id"]) == (201, str(question.id))
    assert await asked(thread_id) == ["say zero", "say one"]


async def test_a_full_queue_refuses_and_keeps_what_it_has(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, *(f"say {number}" for number in range(MOST_QUEUED)))
    refused = await posted(alice, thread_id, "say more")

    assert (refused.status_code, refused.json()["code"]) == (409, "queue_full")
    assert refused.json()["message"].startswith("5 messages are already waiting.")
    assert len(await waiting(thread_id)) == MOST_QUEUED


async def test_a_queue_has_at_most_as_many_characters_as_one_message(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "x" * (MESSAGE_MAX_LENGTH - 10))
    refused = await posted(alice, thread_id, "y" * 11)
    await queued(alice, thread_id, "😀" * 10)

    assert (refused.status_code, refused.json()["code"]) == (409, "queue_full")
    assert "32,000" in refused.json()["message"]
    assert len(await waiting(thread_id)) == 2


@pytest.mark.parametrize(
    ("text", "code"), [("  ", "empty"), ("\u200b", "empty"), ("x" * (MESSAGE_MAX_LENGTH + 1), "too_long")]
)
async def test_what_is_no_message_is_not_queued(alice: Person, gate: Gate, text: str, code: str) -> None:
    thread_id = await running(alice)
    async with alice.tab(thread_id) as tab:
        refused = await queue_up(tab, text)
        unknown = await queue_up(tab, "say one", model="unheard-of")

    assert (refused["type"], refused["code"], unknown["code"]) == ("nack", code, "unknown_model")
    assert await waiting(thread_id) == []


# Taking back and removing


async def test_a_message_is_taken_back_by_one_of_two_tabs_and_is_too_late_for_the_other(
    alice: Person, gate: Gate
) -> None:
    thread_id = await running(alice)
    [first, _] = await queued(alice, thread_id, "say one", "say two")
    async with alice.tab(thread_id) as one, alice.tab(thread_id) as two:
        tabs = (one, two)
        for tab in tabs:
            await tab.until_type("thread.snapshot")
        await asyncio.gather(*(tab.send({"type": "queue.take", "client_id": first}) for tab in tabs))
        said = await asyncio.gather(*(tab.until_type("queue.taken", "error") for tab in tabs))

    by_type = {frame["type"]: frame for frame in said}
    assert by_type["queue.taken"] == {"type": "queue.taken", "client_id": first, "content": "say one", "model": ""}
    assert by_type["error"]["code"] == "too_late"
    assert await waiting(thread_id) == ["say two"]


async def test_a_message_that_began_meanwhile_can_no_longer_be_taken_removed_or_hurried(
    alice: Person, gate: Gate
) -> None:
    thread_id = await running(alice)
    [client_id] = await queued(alice, thread_id, "say one")
    gate.let_end()
    await eventually(lambda: second_runs(thread_id))
    answers = [await press(alice, thread_id, button, client_id) for button in ("take", "remove", "send-now")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "too_late")] * 3
    gate.let_end()
    assert [one.content for one in await all_answered(thread_id, 2)] == ["zero", "one"]


async def test_a_removed_message_is_never_sent(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    ids = await queued(alice, thread_id, "say one", "say two", "say three")
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await tab.send({"type": "queue.remove", "client_id": ids[1]})
        changed = await tab.until_type("queue.changed")
    gate.let_end(3)
    await all_answered(thread_id, 3)

    assert [item["content"] for item in changed["items"]] == ["say one", "say three"]
    assert await asked(thread_id) == ["say zero", "say one", "say three"]


@pytest.mark.parametrize("button", ["take", "remove"])
async def test_a_message_that_left_the_queue_unsent_does_not_come_back(alice: Person, gate: Gate, button: str) -> None:
    """A tab whose `ack` was lost sends it again, and has missed that another tab took it."""
    posted_ = await alice.ask("say zero")
    thread_id = posted_["thread_id"]
    [client_id] = await queued(alice, thread_id, "say one")
    assert (await press(alice, thread_id, button, client_id)).is_success
    async with alice.tab(thread_id) as tab:
        during = await queue_up(tab, "say one", client_id)
        gate.let_end()
        await ended(posted_["reply_id"])
        after = await queue_up(tab, "say one", client_id)
        other = await queue_up(tab, "say two")
    gate.let_end()
    await all_answered(thread_id, 2)

    assert [(one["type"], one["code"]) for one in (during, after)] == [("nack", "too_late")] * 2
    assert during["message"] == "This message was taken out of the queue. Send it again if you still want an answer."
    assert other["type"] == "ack"
    assert await asked(thread_id) == ["say zero", "say two"]


# Pauses


async def test_stop_pauses_the_queue_until_someone_resumes_it(alice: Person) -> None:
    thread_id = await running(alice, LASTING)
    await queued(alice, thread_id, "say one", "say two")
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await stopped(alice, thread_id)
        changed = await tab.until_type("queue.changed")
        await queue_runs.run_next(alice.site.resources, uuid.UUID(thread_id))
        assert changed["paused"] == await paused(thread_id) == "The queue is paused because the answer was stopped."
        assert await asked(thread_id) == [LASTING]
        await tab.send({"type": "queue.resume"})
    answers = await all_answered(thread_id, 3)

    assert [one.status for one in answers] == ["stopped", "final", "final"]
    assert await asked(thread_id) == [LASTING, "say one", "say two"]
    assert await paused(thread_id) == ""


async def test_a_stop_that_comes_too_late_for_the_answer_still_pauses_the_queue(alice: Person, gate: Gate) -> None:
    """A person who presses Stop wants nothing more to be sent, even if the answer has just been completed."""
    posted_ = await alice.ask("say zero")
    thread_id = posted_["thread_id"]
    await queued(alice, thread_id, "say one")
    await Generation.filter(thread_id=thread_id).update(cancel_at=datetime.now(UTC))
    gate.let_end(2)
    await ended(posted_["reply_id"])

    assert await eventually(lambda: paused(thread_id)) == "The queue is paused because the answer was stopped."
    assert await asked(thread_id) == ["say zero"]


@pytest.mark.parametrize(
    ("script", "status", "sentence"),
    [
        ("cut=1", "interrupted", "The queue is paused because the answer was interrupted."),
        ("status=400", "error", "The queue is paused because the answer failed."),
    ],
)
async def test_an_answer_that_does_not_end_normally_pauses_the_queue(
    alice: Person, gate: Gate, script: str, status: str, sentence: str
) -> None:
    posted_ = await alice.ask(f"say one two three [offline: {script}]")
    thread_id = posted_["thread_id"]
    await queued(alice, thread_id, "say one")
    gate.let_end()
    assert (await ended(posted_["reply_id"])).status == status

    assert await paused(thread_id) == sentence
    assert await waiting(thread_id) == ["say one"]
    gate.let_end()
    assert (await press(alice, thread_id, "resume")).status_code == 204
    await all_answered(thread_id, 2)


async def test_an_answer_that_ends_normally_pauses_nothing_and_neither_does_an_empty_queue(alice: Person) -> None:
    posted_ = await alice.ask(LASTING)
    await stopped(alice, posted_["thread_id"])
    answer = await posted(alice, posted_["thread_id"], "say one")

    assert await paused(posted_["thread_id"]) == ""
    assert answer.status_code == 201
    await all_answered(posted_["thread_id"], 2)


async def test_a_message_sent_beside_a_paused_queue_is_answered_and_the_queue_stays_paused(alice: Person) -> None:
    thread_id = await running(alice, LASTING)
    await queued(alice, thread_id, "say one")
    await stopped(alice, thread_id)
    sent = await posted(alice, thread_id, "say now")
    await ended(sent.json()["reply_id"])

    assert await asked(thread_id) == [LASTING, "say now"]
    assert (await waiting(thread_id), bool(await paused(thread_id))) == (["say one"], True)
    await press(alice, thread_id, "resume")
    await all_answered(thread_id, 3)


@pytest.fixture
def limited(gate: Gate, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """The site as it is with limits: three answers of one user at once. Only the test looks for what waits."""
    patches.RUN_QUEUE.replace(monkeypatch, lambda *_: None)
    worker = site.resources.worker
    settings = replace(site.resources.settings, rate_limits=True, llm_concurrent_replies=3)
    kept, worker._deps = worker._deps, replace(worker._deps, settings=settings)  # type: ignore[type-var]
    yield replace(site.resources, settings=settings)
    worker._deps = kept


async def completed(thread_id: str) -> None:
    """End the answer, and look for what waits only when the test says so."""
    await Generation.filter(thread_id=thread_id).update(state="completed", owner=None, lease_until=None)


async def test_a_queue_waits_while_its_user_has_as_many_answers_in_other_chats_as_are_allowed(
    alice: Person, gate: Gate, limited: Resources
) -> None:
    thread_id, *others = [await running(alice) for _ in range(4)]
    await queued(alice, thread_id, "say one")
    await completed(thread_id)
    await queue_runs.run_next(limited, uuid.UUID(thread_id))
    assert (await waiting(thread_id), await paused(thread_id)) == (["say one"], ""), "nothing has to be resumed"
    await completed(others[0])
    await queue_runs.run_after(limited, uuid.UUID(others[0]))

    assert await waiting(thread_id) == []


async def two_queues(person: Person) -> list[str]:
    """Four running answers, as without limits; a message waits for each of the first two."""
    threads = [await running(person) for _ in range(4)]
    for thread_id in threads[:2]:
        await queued(person, thread_id, "say one")
    return threads[:2]


async def test_the_place_of_an_answer_that_ended_is_for_the_queue_that_has_waited_longest(
    alice: Person, gate: Gate, limited: Resources
) -> None:
    threads = await two_queues(alice)
    await completed(threads[0])
    await queue_runs.run_after(limited, uuid.UUID(threads[0]))
    assert await waiting(threads[0]) == ["say one"], "three others run"
    await completed(threads[1])
    await queue_runs.run_after(limited, uuid.UUID(threads[1]))

    assert [await waiting(thread_id) for thread_id in threads] == [[], ["say one"]]


async def test_what_is_to_be_sent_now_goes_before_what_has_waited_longer(
    alice: Person, gate: Gate, limited: Resources
) -> None:
    threads = await two_queues(alice)
    await QueuedMessage.filter(thread_id=threads[1]).update(is_next=True)
    await completed(threads[0])
    await completed(threads[1])
    await queue_runs.run_after(limited, uuid.UUID(threads[1]))

    assert [await waiting(thread_id) for thread_id in threads] == [["say one"], []]


async def test_of_two_queues_with_room_for_one_the_other_waits(alice: Person, gate: Gate, limited: Resources) -> None:
    threads = await two_queues(alice)
    for thread_id in threads:
        await completed(thread_id)
    await asyncio.gather(*(queue_runs.run_next(limited, uuid.UUID(thread_id)) for thread_id in threads))

    assert sorted([await waiting(thread_id) for thread_id in threads]) == [[], ["say one"]]
    assert [await paused(thread_id) for thread_id in threads] == ["", ""]


async def test_a_budget_that_runs_out_in_the_middle_pauses_the_queue_and_loses_nothing(
    alice: Person, gate: Gate
) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two", "say three")
    gate.let_end()
    await eventually(lambda: second_runs(thread_id))
    await eventually(lambda: Generation.filter(thread_id=thread_id, state="running", request_at__isnull=False).exists())
    await User.filter(email=alice.email).update(monthly_budget=Decimal("0.0001"))
    gate.let_end()
    sentence = await eventually(lambda: paused(thread_id))

    assert sentence.startswith("The queue is paused. You don't have enough of your $0.00 monthly budget left")
    assert await waiting(thread_id) == ["say two", "say three"]
    await press(alice, thread_id, "resume")
    assert await paused(thread_id) == sentence, "there is still no money"
    assert await ChatMessage.filter(thread_id=thread_id).count() == 4
    await User.filter(email=alice.email).update(monthly_budget=None)
    gate.let_end(2)
    await press(alice, thread_id, "resume")
    await all_answered(thread_id, 4)

    assert await asked(thread_id) == ["say zero", "say one", "say two", "say three"]


async def test_the_queue_of_a_disabled_account_spends_nothing(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one")
    await User.filter(email=alice.email).update(is_active=False)
    gate.let_end(2)

    assert await eventually(lambda: paused(thread_id)) == "The queue is paused. This account is disabled."
    assert await asked(thread_id) == ["say zero"]


async def test_a_worker_of_an_older_release_that_ends_an_answer_sends_nothing(alice: Person, gate: Gate) -> None:
    """It neither pauses the queue nor looks into it."""
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one")
    await Generation.filter(thread_id=thread_id).update(state="cancelled", owner=None, lease_until=None)

    assert await eventually(lambda: paused(thread_id)) == "The queue is paused because the answer was stopped."
    assert await asked(thread_id) == ["say zero"]


# Send now


async def test_a_message_that_is_sent_now_stops_the_answer_and_goes_first(alice: Person) -> None:
    thread_id = await running(alice, LASTING)
    [_, second] = await queued(alice, thread_id, "say one", "say two")
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await tab.send({"type": "queue.send_now", "client_id": second})
        moved = await tab.until_type("queue.changed")
    answers = await all_answered(thread_id, 3)

    assert [item["content"] for item in moved["items"]] == ["say two", "say one"]
    assert await asked(thread_id) == [LASTING, "say two", "say one"]
    assert [one.status for one in answers] == ["stopped", "final", "final"]


async def test_a_message_of_a_paused_queue_is_sent_now_and_the_others_follow(alice: Person) -> None:
    thread_id = await running(alice, LASTING)
    [_, second] = await queued(alice, thread_id, "say one", "say two")
    await stopped(alice, thread_id)
    assert (await press(alice, thread_id, "send-now", second)).status_code == 204
    await all_answered(thread_id, 3)

    assert await asked(thread_id) == [LASTING, "say two", "say one"]


async def test_a_message_that_is_sent_now_survives_the_worker_that_stopped_the_answer(
    alice: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wish is stored: another worker that finds the queue knows that the stop was not meant for it."""
    thread_id = await running(alice)
    [client_id] = await queued(alice, thread_id, "say one")
    with monkeypatch.context() as patch:
        patches.RUN_QUEUE.replace(patch, lambda *_: None)
        await press(alice, thread_id, "send-now", client_id)
        await eventually(lambda: Generation.filter(thread_id=thread_id, state="cancelled").exists())
        assert await waiting(thread_id) == ["say one"]
    gate.let_end(2)
    await all_answered(thread_id, 2)


async def test_a_stop_after_send_now_is_for_the_chosen_message(
    alice: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses Stop last wants nothing more to be sent, also if the answer has not ended yet."""
    posted_ = await alice.ask("say zero")
    thread_id = posted_["thread_id"]
    [_, second] = await queued(alice, thread_id, "say one", "say two")
    async with alice.tab(thread_id) as tab:
        with monkeypatch.context() as patch:
            patches.STOP_REPLY.replace(patch, unheard)
            await tab.send({"type": "queue.send_now", "client_id": second})
            await tab.until_type("queue.changed")
        await tab.send({"type": "response.cancel", "message_id": posted_["reply_id"]})
        changed = await tab.until(lambda frame: frame["type"] == "queue.changed" and frame["paused"])
        await ended(posted_["reply_id"])
        await queue_runs.run_next(alice.site.resources, uuid.UUID(thread_id))

    assert [item["content"] for item in changed["items"]] == ["say one", "say two"]
    assert await paused(thread_id) == "The queue is paused because the answer was stopped."
    assert (await asked(thread_id), await waiting(thread_id)) == (["say zero"], ["say one", "say two"])


async def unheard(*_: object) -> None:
    """A worker that has not heard of a stop yet."""


# Workers


async def test_a_worker_that_dies_between_the_end_and_the_next_message_is_made_good_by_another(
    alice: Person, gate: Gate, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two")
    with monkeypatch.context() as patch:
        patches.RUN_QUEUE.replace(patch, lambda *_: None)
        gate.let_end()
        await eventually(lambda: Generation.filter(thread_id=thread_id, state="completed").exists())
        assert await waiting(thread_id) == ["say one", "say two"]
    gate.let_end(2)
    async with beside():
        await all_answered(thread_id, 3)

    assert await asked(thread_id) == ["say zero", "say one", "say two"]


async def test_ten_workers_at_once_send_the_next_message_once(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two")
    await Generation.filter(thread_id=thread_id).update(state="completed", owner=None, lease_until=None)
    deps = alice.site.resources
    await asyncio.gather(*(queue_runs.run_next(deps, uuid.UUID(thread_id)) for _ in range(10)))

    assert (await asked(thread_id), await waiting(thread_id)) == (["say zero", "say one"], ["say two"])


async def test_a_worker_that_drains_or_is_full_leaves_the_queue_to_others(
    alice: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one")
    with monkeypatch.context() as patch:
        patches.IS_FULL.replace(patch, True)
        gate.let_end()
        await eventually(lambda: Generation.filter(thread_id=thread_id, state="completed").exists())
        await queue_runs.run_next(alice.site.resources, uuid.UUID(thread_id))
        assert (await waiting(thread_id), await paused(thread_id)) == (["say one"], "")
        patches.IS_FULL.replace(patch, False)
        drains = replace(alice.site.resources, worker=Worker(most_replies=1))
        drains.worker.draining = True
        await queue_runs.run_next(drains, uuid.UUID(thread_id))
        assert await waiting(thread_id) == ["say one"]
    gate.let_end()
    await all_answered(thread_id, 2)


async def test_a_message_that_was_also_sent_beside_the_queue_is_answered_once(alice: Person, gate: Gate) -> None:
    """A copy without the flag can be faster than the queue."""
    thread_id = await running(alice)
    [client_id] = await queued(alice, thread_id, "say one")
    await queued(alice, thread_id, "say two")
    await ChatMessage.filter(thread_id=thread_id, role="user").update(client_id=client_id)
    gate.let_end(2)
    await all_answered(thread_id, 2)

    assert await asked(thread_id) == ["say zero", "say two"]


async def test_the_next_message_may_choose_another_model(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    model = alice.site.resources.settings.models[0]
    async with alice.tab(thread_id) as tab:
        await queue_up(tab, "say one", model=model)
    gate.let_end(2)
    await all_answered(thread_id, 2)

    assert (await ChatThread.get(id=thread_id)).model == model


# What goes with the thread


async def test_a_deleted_chat_takes_its_queue_along(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one")
    await alice.http.post(f"/chat/{thread_id}/delete/", headers={"Accept": "application/json"})
    gate.let_end(2)
    await purged(thread_id)

    assert not await QueuedMessage.filter(thread_id=thread_id).exists()


async def test_the_data_export_has_what_waits(alice: Person, gate: Gate) -> None:
    thread_id = await running(alice)
    await queued(alice, thread_id, "say one", "say two")
    user = await User.get(email=alice.email)
    archived = b"".join([piece async for piece in export.archive(user.id)])
    packed = ZipFile(io.BytesIO(archived))
    [thread] = json.loads(packed.read("data.json"))["threads"]
    [name] = [name for name in packed.namelist() if name != "data.json"]
    sent, waits = packed.read(name).decode().split("\n# Waiting messages\n")

    assert [item["content"] for item in thread["queue"]] == ["say one", "say two"]
    assert "\nsay zero\n" in sent
    assert 0 < waits.index("\nsay one\n") < waits.index("\nsay two\n")
