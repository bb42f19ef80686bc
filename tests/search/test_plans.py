"""PostgreSQL answers searches from indexes, whatever it thinks of how frequent a word is."""

from __future__ import annotations

import pytest
from tortoise.transactions import in_transaction

from chat.database import query
from chat.models import User
from chat.search import find, indexing, matches
from chat.search.query import parse
from chat.search.store import owner
from tests.support.cast import Person
from tests.support.rows import past_thread
from tests.support.searching import indexed


async def plan(sql: str, *values: object) -> str:
    """As for tables that are larger than those of a test, which are faster read as a whole."""
    async with in_transaction():
        await query("SET LOCAL enable_seqscan = off")
        return "\n".join(row["QUERY PLAN"] for row in await query(f"EXPLAIN {sql}", *values))


@pytest.mark.parametrize("text", ["message", "message 7", '"message 7"', "message -7", "一", "xyzzy"])
async def test_messages_are_found_in_an_index(alice: Person, text: str) -> None:
    await indexed(await past_thread(alice, messages=100))
    user, asked = await User.get(email=alice.email), parse(text)
    owned = f"'{owner(user.id)}' & {asked.tsquery}"
    found = await plan(matches.MESSAGES, user.id, owned, matches.END, asked.tsquery, asked.literals)

    assert "Seq Scan" not in found
    assert any(name in found for name in ("search_entry_words", "idx_search_entr_user_id")), "few entries, few hits"


async def test_titles_chats_and_hits_are_found_in_indexes(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=100)
    await indexed(thread_id)
    user, asked = await User.get(email=alice.email), parse("message talk")
    owned = f"'{owner(user.id, of_titles=True)}' & {asked.tsquery}"
    [message] = (await matches.messages(user.id, parse('"message 7"')))[:1]
    statements = [
        (matches.TITLED, user.id, owned),
        (matches.UNDER, user.id, [thread_id], [asked.tsquery]),
        (matches.OF_CHAT, user.id, asked.tsquery, matches.END, thread_id, 50),
        (find.CHATS_FOUND, user.id, [thread_id]),
        (find.MESSAGES_FOUND, user.id, [message.id]),
        (find.RECENT, user.id, 20),
        (find.IS_BEHIND, user.id),
        (indexing.TEXTS, [message.id]),
        (indexing.EARLIER, matches.END, 2_000),
        (indexing.LATER, message.id, 500),
    ]

    for sql, *values in statements:
        assert "Seq Scan" not in await plan(sql, *values), sql
