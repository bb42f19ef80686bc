"""How messages come into the index: after their answer has ended, by a sweep, or by `chat reindex`."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import pytest
from tortoise.transactions import in_transaction

from chat.database import query
from chat.models import ChatMessage, ChatThread, SearchEntry, Status, TitleBy, User
from chat.search import indexing
from chat.services.replies import threads
from tests.support import patches
from tests.support.cast import Person
from tests.support.replies import ready
from tests.support.rows import past_thread, written
from tests.support.searching import found, indexed, said, texts
from tests.support.site import Site
from tests.support.waiting import eventually

HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3_000)]


async def entries(thread_id: str) -> set[UUID]:
    """The messages of a thread that are in the index."""
    rows = await SearchEntry.filter(thread_id=thread_id, message_id__isnull=False)
    return {row.id for row in rows}


async def reindexed() -> int:
    return sum([count async for count in indexing.reindex()])


async def test_an_answer_and_its_question_are_found_soon_after_its_end(alice: Person) -> None:
    posted = await ready(alice, "say Gruyère")

    assert await eventually(lambda: texts(alice, "gruyere"))
    assert await eventually(lambda: texts(alice, '"say gruyere"'))
    [chat] = (await found(alice, "gruyere"))["chats"]
    assert chat["thread_id"] == posted["thread_id"]


async def test_an_answer_that_is_being_written_is_not_indexed_until_it_has_ended(alice: Person) -> None:
    thread_id = await written(alice, "fondue?", "Melt chee")
    await ChatMessage.filter(thread_id=thread_id, number=2).update(status=Status.STREAMING)
    await indexed(thread_id)
    assert await texts(alice, "melt") == []

    await ChatMessage.filter(thread_id=thread_id, number=2).update(status=Status.FINAL, content="Melt cheese.")
    await indexed(thread_id)
    assert await texts(alice, "cheese") == ["Melt cheese."]


async def test_what_a_lost_worker_has_not_indexed_is_found_by_a_sweep(alice: Person) -> None:
    thread_id = await written(alice, "fondue?", "Melt cheese.")
    ids = set(await indexing.missing_since(60, most=10_000))

    assert ids >= {message.id for message in await ChatMessage.filter(thread_id=thread_id)}
    await indexing.index(list(ids))
    assert await texts(alice, "cheese") == ["Melt cheese."]
    assert not ids & set(await indexing.missing_since(60, most=10_000))


async def test_messages_from_before_are_found_after_a_reindex(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.INDEXER_ADD.replace(monkeypatch, lambda *_: None)  # or a sweep could be faster
    thread_id = await past_thread(alice, messages=250, title="Cheese")
    [behind] = await query("SELECT count(*) AS count FROM search_entry WHERE thread_id = $1", thread_id)
    assert behind["count"] == 0

    await reindexed()
    assert len(await entries(thread_id)) == 250
    assert [chat["thread_id"] for chat in (await found(alice, "chee"))["chats"]] == [thread_id]
    assert await reindexed() == 0


async def test_a_reindex_that_was_interrupted_continues(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.INDEXER_ADD.replace(monkeypatch, lambda *_: None)  # or a sweep could be faster
    await reindexed()  # what other tests have left would be first
    thread_id = await past_thread(alice, messages=250)
    async for _ in indexing.reindex():
        break
    some = await entries(thread_id)
    assert 0 < len(some) < 250

    await reindexed()
    assert len(await entries(thread_id)) == 250


async def test_reindexing_and_workers_at_once_add_each_entry_once(alice: Person) -> None:
    threads_ = [await past_thread(alice, messages=120) for _ in range(3)]
    await asyncio.gather(reindexed(), reindexed(), *(indexed(thread_id) for thread_id in threads_ * 2))

    assert [len(await entries(thread_id)) for thread_id in threads_] == [120] * 3


async def test_deleting_while_it_is_indexed_leaves_nothing_and_fails_no_one(alice: Person) -> None:
    threads_ = [await past_thread(alice, messages=60) for _ in range(4)]
    ids = [message.id for message in await ChatMessage.filter(thread_id__in=threads_)]
    random.Random(1).shuffle(ids)
    deletions = (ChatThread.filter(id=thread_id).delete() for thread_id in threads_[:2])
    await asyncio.gather(indexing.index(ids), *deletions, indexing.index(ids[::-1]))

    assert [len(await entries(thread_id)) for thread_id in threads_] == [0, 0, 60, 60]


async def test_a_message_that_is_deleted_at_this_moment_is_left_out(alice: Person) -> None:
    thread_id = await written(alice, "fondue", "raclette")
    question, answer = await ChatMessage.filter(thread_id=thread_id).order_by("number")
    locked, go = asyncio.Event(), asyncio.Event()

    async def delete() -> None:
        async with in_transaction():
            await query("SELECT 1 FROM chat_thread WHERE id = $1 FOR UPDATE", thread_id)
            await query("DELETE FROM chat_message WHERE id = $1", answer.id)
            locked.set()
            await go.wait()

    async def let_it_commit() -> None:
        blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO search_entry%'"
        await eventually(lambda: query(blocked))
        go.set()

    deleting = asyncio.create_task(delete())
    await locked.wait()
    await asyncio.gather(indexed(thread_id), let_it_commit(), deleting)

    assert await entries(thread_id) == {question.id}


async def test_a_title_is_found_as_soon_as_it_is_set(alice: Person) -> None:
    thread_id = await past_thread(alice, title="Cheese")
    await indexed(thread_id)
    await alice.http.post(f"/chat/{thread_id}/title/", data={"title": "Butter"})

    assert (await found(alice, "cheese"))["chats"] == []
    assert len((await found(alice, "butter"))["chats"]) == 1


async def test_a_title_that_was_set_by_the_release_before_is_corrected(alice: Person) -> None:
    thread_id = await past_thread(alice, title="Cheese")
    await indexed(thread_id)
    await ChatThread.filter(id=thread_id).update(title="Butter")

    assert await reindexed() >= 1
    assert (await found(alice, "cheese"))["chats"] == []
    assert len((await found(alice, "butter"))["chats"]) == 1


async def test_a_title_is_not_overwritten_by_an_older_one(alice: Person, site: Site) -> None:
    """`chat reindex` has read the title before it was set."""
    thread_id = await past_thread(alice, title="Cheese")
    await indexed(thread_id)
    rows = await query(indexing.ALL_TITLES.replace("t.id > $1", "t.id = $1"), thread_id, 1)
    rows[0]["text"] = "Older"
    user = await User.get(email=alice.email)
    await threads.set_title(user.id, UUID(thread_id), "Butter", TitleBy.USER, broadcast=site.resources.broadcast)
    await indexing._correct(rows)

    assert len((await found(alice, "butter"))["chats"]) == 1


async def test_one_megabyte_of_text_is_indexed_and_its_last_word_found(alice: Person) -> None:
    pool = [f"word{number}" for number in range(20_000)]
    text = " ".join(random.Random(1).choices(pool, k=110_000)) + " the needle"
    assert len(text) > 1_000_000
    await said(alice, text)

    assert len(await texts(alice, "needle")) == 1
    assert len(await texts(alice, '"the needle"')) == 1


async def test_more_different_words_than_postgresql_takes_are_indexed_up_to_its_bound(alice: Person) -> None:
    await said(alice, " ".join(f"{number:012}" for number in range(100_000)))

    assert len(await texts(alice, f"{1:012}")) == 1
    assert len(await texts(alice, f"{30_000:012}")) == 1


async def test_a_hundred_thousand_han_characters_are_indexed_and_the_last_ones_found(alice: Person) -> None:
    text = "".join(random.Random(1).choices(HAN[:200], k=100_000)) + "数据库存储"
    await said(alice, text)

    for q in ("数据", "数据库", "库存储", "储"):
        assert len(await texts(alice, q)) == 1, q


async def test_a_hundred_thousand_wild_characters_are_indexed(alice: Person) -> None:
    text = "".join(map(chr, random.Random(1).sample([*range(0x20, 0xD800), *range(0xE000, 0x110000)], 100_000)))

    assert len(await entries(await said(alice, text))) == 1
