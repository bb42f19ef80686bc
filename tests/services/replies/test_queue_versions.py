"""The queue of a chat whose messages have versions: nothing is sent below words that its writer did not see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.models import ChatMessage, ChatThread, QueuedMessage
from tests.support.cast import Person
from tests.support.queues import Gate, all_answered, gated, posted, queue_up, waiting
from tests.support.site import Site
from tests.support.versions import again, branch, caught_up, delete, edit, path_of, show, shown_by


@pytest.fixture
async def gate(site: Site) -> AsyncIterator[Gate]:
    """Answers end when the test lets them."""
    with gated(site) as gate:
        yield gate
        await QueuedMessage.all().delete()


async def two_versions(person: Person, gate: Gate) -> tuple[str, str, str]:
    """A chat with an ended answer and another version of it that is being written: the ids of all three."""
    first = await person.ask("say one")
    gate.let_end()
    await all_answered(first["thread_id"], 1)
    second = await again(person, first["thread_id"], first["reply_id"])
    assert second.status_code == 201, second.text
    return first["thread_id"], first["reply_id"], second.json()["reply_id"]


async def texts(thread_id: str) -> list[str]:
    found = {str(one.id): one.content for one in await ChatMessage.filter(thread_id=thread_id)}
    return [found[message_id] for message_id in await path_of(thread_id)]


async def test_a_message_is_sent_in_the_version_that_its_writer_saw(alice: Person, gate: Gate) -> None:
    thread_id, first, second = await two_versions(alice, gate)
    async with alice.tab(thread_id) as tab, alice.tab(thread_id) as other:
        assert (await queue_up(tab, "say two", head_id=second))["queued"]
        assert (await posted(alice, thread_id, "say three")).status_code == 202, "a form names no message"
        await show(alice, thread_id, first)
        gate.let_end(3)
        await all_answered(thread_id, 4)
        path = await path_of(thread_id)
        for one in (tab, other):
            await caught_up(one, thread_id)
            assert shown_by(one) == path

    assert path[1] == second
    assert await texts(thread_id) == ["say one", "one", "say two", "two", "say three", "three"]


async def test_a_message_goes_to_the_end_when_the_version_that_its_writer_saw_is_gone(
    alice: Person, gate: Gate
) -> None:
    thread_id, first, second = await two_versions(alice, gate)
    async with alice.tab(thread_id) as tab:
        assert (await queue_up(tab, "say two", head_id=second))["queued"]
        assert (await delete(alice, thread_id, second)).status_code == 204
        assert (await ChatThread.get(id=thread_id)).queue_paused, "its answer did not end"
        await tab.send({"type": "queue.resume"})
        gate.let_end(2)
        await all_answered(thread_id, 2)

    assert (await path_of(thread_id))[1] == first
    assert await texts(thread_id) == ["say one", "one", "say two", "two"]


@pytest.mark.parametrize("seen", ["8b3b2f3d-1ca2-4985-a632-0b0937461532", ""])
async def test_a_message_after_one_that_is_not_there_goes_to_the_end(alice: Person, gate: Gate, seen: str) -> None:
    thread_id = (await alice.ask("say one"))["thread_id"]
    async with alice.tab(thread_id) as tab:
        assert (await queue_up(tab, "say two", **({"head_id": seen} if seen else {})))["queued"]
    gate.let_end(2)
    await all_answered(thread_id, 2)

    assert await texts(thread_id) == ["say one", "one", "say two", "two"]


async def test_an_edit_and_another_attempt_are_busy_and_never_queued(alice: Person, gate: Gate) -> None:
    thread_id, _, second = await two_versions(alice, gate)
    question = await ChatMessage.get(thread_id=thread_id, role="user")
    answers = [
        await edit(alice, thread_id, str(question.id), "say other", queue="1"),
        await again(alice, thread_id, second, queue="1"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "busy")] * 2
    assert await waiting(thread_id) == []


async def test_a_branch_begins_without_a_queue(alice: Person, gate: Gate) -> None:
    thread_id, first, _ = await two_versions(alice, gate)
    await posted(alice, thread_id, "say two")
    copy = await branch(alice, thread_id, first)

    assert await waiting(copy.json()["thread_id"]) == []
    assert await waiting(thread_id) == ["say two"]
