"""Downloading account data: complete, only the user's own, and never all at once in memory."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZipFile

import pytest
from tortoise.transactions import in_transaction

from chat.database import query
from chat.models import AuthSession, ChatThread, User
from chat.services.accounts.export import PIECE_BYTES, archive
from tests.support.cast import PASSWORD, Person
from tests.support.page import Page
from tests.support.replies import answered as replied
from tests.support.rows import answered, past_thread
from tests.support.site import Site
from tests.support.versions import done, edit, said
from tests.support.waiting import eventually

PATH = "/accounts/data/"
MANY = """
INSERT INTO chat_message (id, thread_id, parent_id, number, role, status, content, error, created_at)
SELECT md5($1::uuid || '' || n)::uuid, $1, CASE WHEN n > 1 THEN md5($1::uuid || '' || (n - 1))::uuid END, n,
    CASE n % 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'final',
    n || ' ' || (SELECT string_agg(md5(n || ':' || part), '') FROM generate_series(1, $3::int) part), '', now()
FROM generate_series(1, $2::int) n
"""
HEAD = "UPDATE chat_thread SET head_id = md5($1::uuid || '' || $2::int)::uuid WHERE id = $1"


async def many(thread: ChatThread, count: int, *, parts: int) -> None:
    """A long row of messages. Plans of a small table, which connections have kept, would read all of it each time."""
    async with in_transaction():
        await query("SET LOCAL session_replication_role = replica")
        await query(MANY, thread.id, count, parts)
        await query(HEAD, thread.id, count)
    await query("ANALYZE chat_message")


async def downloaded(person: Person) -> ZipFile:
    answer = await person.http.post(PATH)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    packed = ZipFile(io.BytesIO(answer.content))
    assert packed.testzip() is None
    return packed


def data_in(packed: ZipFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(packed.read("data.json"))
    return found


async def test_an_export_has_everything_of_the_user_and_nothing_of_others(alice: Person, bob: Person) -> None:
    asked = await alice.ask("What is 12 * 7?")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    await past_thread(alice, messages=120, title="A long talk")
    await answered(bob, "Is this a secret of Bob?", "Yes, of Bob alone.")
    await alice.http.post("/accounts/settings/", data={"display_name": "Ada", "theme": "dark"})

    packed = await downloaded(alice)

    data = data_in(packed)
    assert (data["account"]["email"], data["account"]["display_name"]) == (alice.email, "Ada")
    assert data["settings"] == {"theme": "dark", "model": "", "enter_key": "auto"}
    assert [one["ip"] for one in data["sessions"]] == ["127.0.0.1"]
    assert data["usage_by_month"][0]["calls"] == len(data["calls"]) == 2
    threads = {thread["title"]: thread for thread in data["threads"]}
    assert set(threads) == {"What is 12 * 7?", "A long talk"}
    assert [one["number"] for one in threads["A long talk"]["messages"]] == list(range(1, 121))
    question, answer = threads["What is 12 * 7?"]["messages"]
    assert question["content"] == "What is 12 * 7?"
    assert [call["name"] for call in answer["tool_calls"]] == ["calculate"]
    files = [name for name in packed.namelist() if name != "data.json"]
    assert len(files) == 2
    texts = [packed.read(name).decode() for name in files]
    assert any(text.startswith("# A long talk\n") and "\nMessage 120\n" in text for text in texts)
    assert any("Tool `calculate`" in text and answer["content"] in text for text in texts)
    everything = "".join([*texts, json.dumps(data)])
    user = await User.get(email=alice.email)
    for secret in ("Bob", bob.email, "secret of", user.password_hash, "token_sha256", "password"):
        assert secret not in everything, secret


async def test_reasoning_is_quoted_in_the_text_and_a_field_of_the_data(alice: Person) -> None:
    await replied(alice, "say Hello [offline: reasoning=2]")
    packed = await downloaded(alice)
    [answer] = [one for one in data_in(packed)["threads"][0]["messages"] if one["role"] == "assistant"]
    text = next(packed.read(name).decode() for name in packed.namelist() if name != "data.json")

    assert answer["reasoning"]
    assert answer["reasoning_ms"] >= 0
    assert "Reasoning:\n\n> " in text
    quoted = [line for line in text.splitlines() if line.startswith(">")]
    assert [line.removeprefix(">").removeprefix(" ") for line in quoted] == [
        line.rstrip() for line in answer["reasoning"].splitlines()
    ]
    assert text.index("Reasoning:") < text.rindex("Hello")


async def test_versions_are_in_the_data_and_after_the_shown_path_in_the_text(alice: Person) -> None:
    first = await said(alice, "say one")
    await said(alice, "say older", first["thread_id"])
    edited = await done(await edit(alice, first["thread_id"], first["message_id"], "say newer"))
    packed = await downloaded(alice)
    [thread] = data_in(packed)["threads"]
    parents = {one["id"]: one["parent_id"] for one in thread["messages"]}
    [name] = [name for name in packed.namelist() if name != "data.json"]
    shown, others = packed.read(name).decode().split("\n# Other versions\n")

    assert (thread["head_id"], thread["forked_from_id"]) == (edited["reply_id"], None)
    assert (parents[edited["reply_id"]], parents[edited["message_id"]]) == (edited["message_id"], None)
    assert ("\nnewer\n" in shown, "\none\n" in shown, "\nolder\n" in shown) == (True, False, False)
    assert others.index("\none\n") < others.index("\nolder\n")
    assert "newer" not in others


async def test_an_exports_name_has_the_date_and_caches_do_not_store_it(alice: Person) -> None:
    answer = await alice.http.post(PATH)

    assert answer.headers["Content-Disposition"].startswith('attachment; filename="chats-20')
    assert answer.headers["Cache-Control"] == "no-store"
    assert data_in(ZipFile(io.BytesIO(answer.content)))["threads"] == []


@pytest.mark.parametrize(
    "title",
    [
        "../../etc/passwd", "C:\\Windows\\system32", "", "   ", "...", "CON", "a/b\\c:d*e?f\"g<h>i|j", "🦉🎉",
        "x" * 255, "語" * 255, "Жизнь, как она есть", "हिन्दी में", "\u202egnp.exe", "new\nline\ttab",
        "'; DROP TABLE users; --",
    ],
)  # fmt: skip
async def test_any_title_makes_a_file_name_that_is_safe_everywhere(alice: Person, title: str) -> None:
    for _ in range(2):
        await past_thread(alice, title=title)
    names = [name for name in (await downloaded(alice)).namelist() if name != "data.json"]

    assert len(set(names)) == 2
    for name in names:
        folder, file = PurePosixPath(name).parts
        assert (folder, PurePosixPath(file).suffix) == ("chats", ".md")
        assert len(file.encode()) <= 200
        assert not set(file) & set('/\\:*?"<>|\n\t\u202e')
        assert ".." not in file


async def test_ten_thousand_messages_never_are_in_memory_together(alice: Person) -> None:
    user = await User.get(email=alice.email)
    thread = await ChatThread.create(user=user, title="Very long")
    await many(thread, 10_000, parts=16)  # half a kB each, which packs badly
    pieces, size, largest = [], 0, 0
    tracemalloc.start()
    try:
        async for piece in archive(user.id):
            size, largest = size + len(piece), max(largest, len(piece))
            pieces.append(len(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 5_000_000
    assert len(pieces) > 50
    assert largest < 3 * PIECE_BYTES
    assert peak < 3_000_000

    packed = await downloaded(alice)
    [told] = data_in(packed)["threads"]
    assert [message["number"] for message in told["messages"]] == list(range(1, 10_001))


async def test_an_aborted_download_leaves_no_task_behind(site: Site, alice: Person) -> None:
    user = await User.get(email=alice.email)
    thread = await ChatThread.create(user=user, title="Very long")
    await many(thread, 3_000, parts=64)
    before = len(asyncio.all_tasks())
    async with alice.http.stream("POST", PATH) as answer:
        async for _ in answer.aiter_bytes():
            break
    await eventually(lambda: len(asyncio.all_tasks()) <= before)

    assert (await alice.http.get("/chat/")).status_code == 200


async def test_a_client_that_reads_slowly_holds_no_connection_of_the_database(site: Site, alice: Person) -> None:
    user = await User.get(email=alice.email)
    thread = await ChatThread.create(user=user, title="Very long")
    await many(thread, 10_000, parts=64)
    async with alice.http.stream("POST", PATH) as answer:
        pieces = answer.aiter_raw(1024)
        await anext(pieces)
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        alone = f"SELECT 1 WHERE ({busy}) = 1"  # but for the asking one
        await eventually(lambda: query(alone))
        locks = (
            "SELECT count(*) AS n FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
        )
        assert (await query(locks))[0]["n"] == 0


async def test_exports_are_limited_to_one_an_hour_per_user(throttled: Site, alice: Person, bob: Person) -> None:
    async with Person.visiting(throttled) as carol, Person.visiting(throttled) as dora:
        carol.http.cookies.update(dict(alice.http.cookies))
        dora.http.cookies.update(dict(bob.http.cookies))
        answers = [await person.http.post(PATH) for person in (carol, carol, dora)]

    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert int(answers[1].headers["Retry-After"]) > 3000


async def test_after_15_minutes_an_export_asks_for_the_password(throttled: Site, alice: Person) -> None:
    """Wrong passwords do not use up the download of the hour."""
    async with Person.visiting(throttled) as carol:
        carol.http.cookies.update(dict(alice.http.cookies))
        assert not Page((await carol.http.get(PATH)).text).all("input", id="password")
        long_ago = datetime.now(UTC) - timedelta(minutes=16)
        await AuthSession.filter(user__email=alice.email).update(authenticated_at=long_ago)
        page = Page((await carol.http.get(PATH)).text)
        assert page.find("input", id="password")["autocomplete"] == "current-password"

        for fields, sentence in (({}, "Enter your password."), ({"password": "wrong"}, "This is not your password.")):
            refused = await carol.http.post(PATH, data=fields)
            assert refused.status_code == 422
            assert Page(refused.text).error_of("password").startswith(sentence)
        given = await carol.http.post(PATH, data={"password": PASSWORD})
        assert (given.status_code, given.headers["Content-Type"]) == (200, "application/zip")


async def test_an_export_needs_a_login_and_a_click(alice: Person, nobody: Person) -> None:
    assert (await nobody.http.post(PATH)).headers["Location"].startswith("/accounts/login/")
    page = Page((await alice.http.get(PATH)).text)
    assert page.find("form", action=PATH)["method"] == "post"
