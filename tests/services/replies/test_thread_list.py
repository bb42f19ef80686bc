"""The list of chats of someone who has thousands: few rows are read for each page, whatever the rest of the list is."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from chat.database import query
from chat.models import ChatThread, User
from chat.services.replies import thread_deletion, thread_list
from chat.services.replies.list_changes import MOST_PINNED
from tests.support.site import Site
from tests.support.stores import Stores

COUNT = 5_000
ADD = """
INSERT INTO chat_thread (id, user_id, title, title_by, model, archived, pinned, rev, fence, log_epoch, log_s,
    message_count, queue_paused, created_at, last_message_at)
SELECT gen_random_uuid(), $1, 'Chat ' || n, 'words', '', n % 3 = 0, n % 50 = 1, 0, 0, '', 0, 0, '', now(),
    now() - n * interval '1 minute' FROM generate_series(1, $2) n
"""
PARAMETERS = "uuid, timestamptz, uuid, int, bool, uuid"


@pytest.fixture
async def alice(site: Site) -> User:
    """She has thousands of chats."""
    user = await User.create(email=f"alice-{uuid.uuid4().hex}@example.com", password_hash="x")
    await query(ADD, user.id, COUNT)
    await query("ANALYZE chat_thread")
    return user


@pytest.fixture
async def planning(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection that keeps plans, as those of a pool do after some executions."""
    connection = await asyncpg.connect(stores.database_url)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


async def plan_of(connection: asyncpg.Connection, types: str, statement: str, *values: object) -> list[dict[str, Any]]:
    """The nodes of a kept plan that was executed."""
    await connection.execute(f"PREPARE asked{types and f' ({types})'} AS {statement}")
    given = ", ".join("NULL" if value is None else f"'{value}'" for value in values)
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked{given and f' ({given})'}")
    await connection.execute("DEALLOCATE asked")
    return list(_nodes(json.loads(found)[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def read(nodes: list[dict[str, Any]]) -> tuple[set[str], int]:
    """The indexes by which chats were found, and how many rows were read and thrown away."""
    chats = [node for node in nodes if node.get("Relation Name") == "chat_thread" or "Index Name" in node]
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "chat_thread"]
    lost = sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in chats)
    return {node["Index Name"] for node in chats if "Index Name" in node}, round(lost)


@pytest.mark.parametrize("minutes", [0, 4_000])
async def test_a_page_reads_no_more_than_it_shows(alice: User, planning: asyncpg.Connection, minutes: int) -> None:
    current = await ChatThread.filter(user=alice, title="Chat 4999").get()
    newest, none = thread_list.NEWEST
    place = newest if not minutes else (await query(f"SELECT now() - interval '{minutes} minutes' AS at"))[0]["at"]
    values = (alice.id, place, none, 51, not minutes, current.id)
    nodes = await plan_of(planning, PARAMETERS, thread_list.PAGE, *values)
    indexes, lost = read(nodes)

    assert {"chat_thread_listed", "chat_thread_pinned"} <= indexes
    assert lost <= MOST_PINNED  # those that are pinned and archived
    assert nodes[0]["Actual Rows"] <= 51 + MOST_PINNED + 1


async def test_what_is_due_is_found_by_its_own_index(alice: User, planning: asyncpg.Connection) -> None:
    thread = await ChatThread.filter(user=alice).first()
    assert thread
    await ChatThread.filter(id=thread.id).update(deleted_at=datetime.now(UTC))
    indexes, lost = read(await plan_of(planning, "", thread_deletion.DUE))

    assert (indexes, lost) == ({"chat_thread_deleted"}, 0)


async def test_all_chats_are_reached_a_page_at_a_time_each_once_and_in_order(alice: User) -> None:
    page = await thread_list.thread_list(alice.id)
    seen = list(page.threads)
    pages = 1
    while page.older_cursor:
        page = await thread_list.thread_list(alice.id, before=page.older_cursor)
        seen += page.threads
        pages += 1
    want = ChatThread.filter(user=alice, archived=False).order_by("-pinned", "-last_message_at", "-id")

    assert [thread.thread_id for thread in seen] == await want.values_list("id", flat=True)
    assert pages == 66
