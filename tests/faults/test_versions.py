"""Rows 63 to 65: versions are edited and shown while stores and workers fail."""

from __future__ import annotations

import asyncio
import signal
import uuid

import pytest

from tests.faults.cluster import Cluster
from tests.faults.oracle import Oracle
from tests.faults.story import Story, asked, counting
from tests.support.versions import PATH, again, show

pytestmark = pytest.mark.timeout(180)
HEAD = "SELECT head_id FROM chat_thread WHERE id = $1"
QUESTIONS = "SELECT id::text FROM chat_message WHERE thread_id = $1 AND role = 'user' ORDER BY number"


async def path_of(story: Story) -> list[str]:
    """The ids of the messages that are shown, by the rows."""
    [thread] = await story.cluster.rows(HEAD, story.thread_id)
    return [row["id"] for row in await story.cluster.rows(PATH, thread["head_id"])]


async def all_show(story: Story, *ids: str) -> None:
    """The rows and every tab show these messages."""
    assert await path_of(story) == list(ids)
    for tab in story.tabs:
        await tab.until(lambda tab=tab: [message["id"] for message in tab.store.messages] == list(ids))


async def edited(tab: Oracle, question_id: str, text: str) -> tuple[str, str]:
    """Edit a question in a tab; returns the ids of the new one and its answer, once it is stored."""
    client_id = await tab.post(text, edits=question_id)
    await tab.until(lambda: client_id in tab.said, seconds=30)
    ack = tab.said[client_id]
    assert ack["type"] == "ack", ack
    return ack["message_id"], ack["reply_id"]


async def test_row_63_without_redis_a_question_is_edited_and_the_old_version_is_shown_again(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(20), at=one, tabs=[one, two]) as story:
        await story.over(10)
        first = await path_of(story)
        cluster.valkey.stop(signal.SIGKILL)
        question_id, story.reply_id = await edited(story.tabs[0], first[0], "say Another")
        story.text = "Another"
        row = await story.over(20)
        await all_show(story, question_id, story.reply_id)
        assert (await show(story.person, story.thread_id, first[0])).status_code == 204
        await all_show(story, *first)
        cluster.valkey.start()
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.live[-1]) for tab in story.tabs))
        assert (await show(story.person, story.thread_id, question_id)).status_code == 204
        await all_show(story, question_id, story.reply_id)

    assert row["status"] == "final"


async def test_row_64_an_edit_during_an_outage_of_postgresql_is_stored_once_when_it_is_over(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(20), at=one, tabs=[one, two]) as story:
        await story.over(10)
        first = await path_of(story)
        cluster.postgres.stop()
        editing = asyncio.create_task(edited(story.tabs[0], first[0], "say Another"))
        refused = await show(story.person, story.thread_id, first[0])
        await asyncio.sleep(4)  # the outage
        cluster.postgres.start()
        question_id, story.reply_id = await editing
        story.text = "Another"
        row = await story.over(20)
        await all_show(story, question_id, story.reply_id)
        questions = [found["id"] for found in await cluster.rows(QUESTIONS, story.thread_id)]

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert row["status"] == "final"
    assert questions == [first[0], question_id]


async def test_row_65_the_owner_of_an_answer_in_another_version_dies_and_the_shown_one_stays(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(1500), at=one, tabs=[two, two]) as story:
        await story.until_text(20)
        await story.tabs[0].stop(story.reply_id)
        await story.over(10)
        first = await path_of(story)
        second = await again(story.person, story.thread_id, story.reply_id, client_id=str(uuid.uuid4()))
        story.reply_id = second.json()["reply_id"]
        await story.until_text(20)
        assert (await show(story.person, story.thread_id, first[1])).status_code == 204
        await all_show(story, *first)
        for tab in story.tabs:
            await tab.until(lambda tab=tab: tab.store.elsewhere == story.reply_id)
        one.kill()
        row = await story.ended(20)
        for tab in story.tabs:
            await tab.until(lambda tab=tab: tab.store.elsewhere is None)
        await all_show(story, *first)
        story.person.site.url = two.url
        assert (await show(story.person, story.thread_id, story.reply_id)).status_code == 204
        await all_show(story, first[0], story.reply_id)
        await story.over(10)

    assert row["status"] == "interrupted"
