"""Accounts with a chat each: the first is made as a person would make it, and the others are copies of its rows.

A copy has every column of the first row, so this fits any release of the site.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from hashlib import md5

import asyncpg
import httpx

from bench.load.servers import FORWARDED, ORIGIN, Server
from chat.web.cookies import AuthSerializer

PASSWORD = "a-good-long-passphrase-7"  # noqa: S105
EMAIL = "first@example.com"
COOKIE, SALT = "__Host-chat", "quart auth salt"
QUESTION = "Please write something. deltas={deltas} rate={rate}"
CREATED, SEE_OTHER = 201, 303
ANSWER_SECONDS = 30.0
WORDS = "the quick brown fox jumps over the lazy dog while **nobody** looks, and then `rests` for a long time. "
# Keys that a release has no column for are ignored.
COPY = """
INSERT INTO {table} SELECT copy.* FROM {table} original, generate_series($1::int, $2::int) n,
LATERAL jsonb_populate_record(original, jsonb_build_object({columns})) copy WHERE {which}
"""
HAS_ANSWER = "SELECT count(*) FROM generation WHERE state = 'completed'"
HAS_HEADS = """
SELECT count(*) FROM information_schema.columns WHERE table_name = 'chat_thread' AND column_name = 'head_id'
"""
SET_HEADS = """
UPDATE chat_thread t SET head_id = m.id
FROM (SELECT DISTINCT ON (thread_id) thread_id, id FROM chat_message ORDER BY thread_id, number DESC) m
WHERE m.thread_id = t.id AND t.head_id IS DISTINCT FROM m.id
"""


@dataclass(frozen=True, slots=True)
class Person:
    """An account, its session and its chat."""

    number: int
    cookie: str
    thread_id: uuid.UUID

    @property
    def headers(self) -> dict[str, str]:
        """As the browser and the proxy in front write them; each person comes from another address."""
        address = f"10.0.{self.number // 250}.{self.number % 250 + 1}"
        return {**FORWARDED, "X-Forwarded-For": address, "Origin": ORIGIN, "Cookie": f"{COOKIE}={self.cookie}"}


def _id(name: str) -> uuid.UUID:
    return uuid.UUID(md5(name.encode()).hexdigest())  # noqa: S324


async def populate(server: Server) -> None:
    """Make the account that all others are copies of."""
    url = f"http://127.0.0.1:{server.port}"
    headers = {**FORWARDED, "Origin": ORIGIN, "X-Forwarded-For": "10.9.9.9", "Accept": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        fields = {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD}
        signed_up = await http.post("/accounts/signup/", data=fields)
        _expect(signed_up, SEE_OTHER)
        http.headers["Cookie"] = "; ".join(line.split(";")[0] for line in signed_up.headers.get_list("set-cookie"))
        question = {"message": QUESTION.format(deltas=1, rate=50), "client_id": str(uuid.uuid4())}
        _expect(await http.post("/chat/", data=question), CREATED)
    rows = await asyncpg.connect(server.database_url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while not await rows.fetchval(HAS_ANSWER):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
    finally:
        await rows.close()


async def fresh(server: Server, count: int) -> list[Person]:
    """People who have done nothing yet, so that no limit counts what was measured before."""
    first, server.people = server.people + 1, server.people + count
    rows = await asyncpg.connect(server.database_url)
    try:
        for table, columns, which in _copies():
            await rows.execute(_copying(table, columns, which), first, server.people)
        await _set_heads(rows)
    finally:
        await rows.close()
    return [_person(server, number) for number in range(first, server.people + 1)]


def _person(server: Server, number: int) -> Person:
    cookie = AuthSerializer(server.secret_key, SALT).dumps(f"bench-{number}")
    return Person(number, str(cookie), _id(f"thread{number}"))


def _copies() -> list[tuple[str, dict[str, str], str]]:
    """Tables in the order of their references: the columns that a copy has of its own, and the rows to copy."""
    user = f"(SELECT id FROM users WHERE email = '{EMAIL}')"  # noqa: S608
    chat = f"original.thread_id = (SELECT id FROM chat_thread WHERE user_id = {user})"  # noqa: S608
    person, thread = "md5('person' || n)::uuid", "md5('thread' || n)::uuid"
    session = {
        "id": "md5('session' || n)::uuid",
        "user_id": person,
        "token_sha256": "encode(sha256(('bench-' || n)::bytea), 'hex')",
    }
    message = {
        "id": "md5('message' || n || '-' || original.number)::uuid",
        "thread_id": thread,
        "client_id": "md5('client' || n || '-' || original.number)::uuid",
        "parent_id": "CASE original.number WHEN 2 THEN md5('message' || n || '-1')::uuid END",
    }
    generation = {
        "id": "md5('generation' || n)::uuid",
        "thread_id": thread,
        "user_message_id": "md5('message' || n || '-1')::uuid",
        "answer_id": "md5('message' || n || '-2')::uuid",
    }
    return [
        ("users", {"id": person, "email": "'person' || n || '@example.com'"}, f"original.id = {user}"),
        ("user_settings", {"user_id": person}, f"original.user_id = {user}"),
        ("auth_session", session, f"original.user_id = {user}"),
        ("chat_thread", {"id": thread, "user_id": person, "head_id": "NULL"}, f"original.user_id = {user}"),
        ("chat_message", message, chat),
        ("generation", generation, chat),
    ]


async def lengthen(server: Server, person: Person, messages: int) -> None:
    """Let the person's chat have this number of messages, questions and answers in turn."""
    names = f"md5('long{person.number}-' || %s)::uuid"
    number = "2 * n + original.number"
    first = f"md5('message{person.number}-2')::uuid"  # what the second question follows
    message = {
        "id": names % f"({number})",
        "number": number,
        "client_id": names % f"({number})",
        "parent_id": f"CASE {number} WHEN 3 THEN {first} ELSE {names % f'({number} - 1)'} END",
        "content": f"repeat('{WORDS}', 3 * original.number)",
    }
    generation = {
        "id": f"md5('generation{person.number}-' || n)::uuid",
        "user_message_id": names % "(2 * n + 1)",
        "answer_id": names % "(2 * n + 2)",
    }
    own = f"original.thread_id = '{person.thread_id}'"
    rows = await asyncpg.connect(server.database_url)
    try:
        for table, columns, which in (
            ("chat_message", message, f"{own} AND original.number <= 2"),
            ("generation", generation, own),
        ):
            await rows.execute(_copying(table, columns, which), 1, messages // 2 - 1)
        await rows.execute("UPDATE chat_thread SET message_count = $2 WHERE id = $1", person.thread_id, messages)
        await _set_heads(rows)
        await rows.execute("VACUUM ANALYZE")
    finally:
        await rows.close()


def _copying(table: str, columns: dict[str, str], which: str) -> str:
    named = ", ".join(f"'{name}', {value}" for name, value in columns.items())
    return COPY.format(table=table, columns=named, which=which)


async def _set_heads(rows: asyncpg.Connection) -> None:
    """A release with versions of messages knows each chat's last one."""
    if await rows.fetchval(HAS_HEADS):
        await rows.execute(SET_HEADS)


def _expect(response: httpx.Response, status: int) -> None:
    if response.status_code != status:
        raise SystemExit(f"{response.request.url.path} answered {response.status_code}: {response.text[:300]}")
