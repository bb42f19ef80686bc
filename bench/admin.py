"""Response times of the administrators' pages with a year of data: `python bench/admin.py`.

50,000 users and 1,000,000 model requests over twelve months, created by SQL in an embedded PostgreSQL. Each query of
the overview and each page that it links to is measured thirty times. `--folder` keeps the database for the next run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
from processes import CHAT, PROJECT, process

sys.path.insert(0, str(PROJECT))

from chat import database
from chat.devservices import embedded_postgres, embedded_valkey
from chat.models import User
from chat.services.admin import overview
from chat.services.usage import months, report
from chat.settings import Settings
from tests.support.ports import free_port

ROOT, PASSWORD = "root@example.com", "a-good-long-passphrase-7"
HEAVY = "user1@example.com"
LINK = re.compile(r'href="(/admin/[^"#?]*)"')
ROW = re.compile(r'href="(/admin/[a-z_]+/[0-9a-f-]{36}/)"')
FILTERED = (  # frequent, rare and missing values
    *(f"/admin/calls/?status={one}" for one in ("completed", "any+error", "rate_limited", "cut", "refused", "lost")),
    *(f"/admin/calls/?{one}" for one in ("estimated=yes", "estimated=no", "price=unknown", "price=known")),
    *(f"/admin/calls/?model={one}" for one in ("gpt-5-mini-2025-08-07", "gpt-5-nano-2025-08-07", "nowhere")),
    *(f"/admin/calls/?{one}" for one in ("status=cut&model=gpt-5-2025-08-07", "sort=cost", "sort=slow")),
    f"/admin/calls/?q={HEAVY}",
    f"/admin/calls/?day={datetime.now(UTC) - timedelta(days=200):%Y-%m-%d}",
    *(f"/admin/users/?{one}" for one in ("is_staff=yes", "email_verified=no", "sort=email", "sort=seen", "q=user499")),
    *(f"/admin/months/?{one}" for one in ("sort=cost", "month=2026-01")),
    *(f"/admin/{one}/?q={HEAVY}" for one in ("threads", "messages", "generations", "months")),
    "/admin/generations/?state=alive",
    "/admin/messages/?status=error",
    "/admin/sessions/?q=user1",
    "/admin/audit/?action=users.disable",
)
READY_SECONDS = 30
DAYS = 365
SEED = """
CREATE TEMP TABLE person AS SELECT n AS number, uuidv7(-make_interval(days => {days}) * (1 - n::float / {users})) AS id
FROM generate_series(1, {users}) n;
CREATE UNIQUE INDEX ON person (number);
ANALYZE person;
INSERT INTO users (id, email, password_hash, display_name, is_active, is_staff, email_verified, verification_resends,
                   created_at, last_seen_at)
SELECT id, 'user' || number || '@example.com', 'x', '', true, false, number % 9 > 0, 0,
       uuid_extract_timestamp(id), now() - make_interval(days => {days}) * random() ^ 2 * (1 - number::float / {users})
FROM person;
INSERT INTO user_settings (user_id, theme, model) SELECT id, 'system', '' FROM person;
INSERT INTO chat_thread (id, user_id, title, title_by, model, archived, created_at, last_message_at, rev, fence,
                         message_count, log_epoch, log_s)
SELECT uuidv7(-interval '1 hour' * n), id, 'A talk about ' || n, 'words', '', false, now() - interval '1 hour' * n,
       now() - interval '1 hour' * n, 2, 2, 2, '', 0
FROM person, generate_series(1, 600) n WHERE number = 1;
INSERT INTO chat_message (id, thread_id, number, role, status, content, error, created_at)
SELECT uuidv7(), t.id, n, CASE n WHEN 1 THEN 'user' ELSE 'assistant' END, 'final', 'Words', '', t.created_at
FROM chat_thread t, generate_series(1, 2) n;
INSERT INTO generation (id, thread_id, user_message_id, answer_id, attempt, continues, takeovers, model, state, fence,
                        background, round_start, up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
SELECT uuidv7(), t.id, q.id, a.id, 1, false, 0, '', 'completed', 2, false, 0, 0, '', 0, '', 0, '', t.created_at
FROM chat_thread t JOIN chat_message q ON q.thread_id = t.id AND q.number = 1
JOIN chat_message a ON a.thread_id = t.id AND a.number = 2;
CREATE TEMP TABLE talk AS SELECT row_number() OVER () AS number, id FROM generation;
INSERT INTO llm_call_log (id, user_id, generation_id, call_id, round, request_id, caller, model_asked, model,
    schema_name, input_sha256, status, error, input_tokens, cached_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, total_tokens, cost, estimated, uncertain, attempts, duration_ms, first_event_ms, created_at)
SELECT uuidv7(at - now()), person.id, talk.id, gen_random_uuid(), CASE c.n % 10 WHEN 3 THEN 2 ELSE 1 END,
    'req_' || c.n, CASE c.n % 10 WHEN 4 THEN 'title' ELSE 'chat' END, asked, asked || '-2025-08-07', '',
    repeat('0', 64), CASE WHEN luck > 0.03 THEN 'completed' WHEN luck > 0.02 THEN 'stopped'
    WHEN luck > 0.01 THEN 'rate_limited' WHEN luck > 0.005 THEN 'provider_error' ELSE 'cut' END, '',
    tokens, 0, 0, tokens / 3, 0, tokens + tokens / 3, CASE WHEN c.n % 97 > 0 THEN tokens * 0.0000012 END,
    luck < 0.03, false, 1, (800 + 6000 * random() ^ 3)::int, (200 + 1500 * random() ^ 4)::int, at
FROM (SELECT n, random() AS luck, (200 + 8000 * random() ^ 2)::int AS tokens,
             CASE WHEN n > {calls} - 3000 THEN 1 ELSE ceil(random() ^ 2 * {users})::int END AS who,
             CASE n % 10 WHEN 4 THEN 'gpt-5-nano' WHEN 7 THEN 'gpt-5' ELSE 'gpt-5-mini' END AS asked,
             now() - make_interval(days => {days}) * (1 - n::float / {calls}) AS at
      FROM generate_series(1, {calls}) n) c
JOIN person ON person.number = c.who LEFT JOIN talk ON c.n > {calls} - 3000 AND talk.number = {calls} - c.n
ORDER BY at;
INSERT INTO user_monthly_usage (id, user_id, month, calls, unpriced_calls, input_tokens, output_tokens, total_tokens,
    cost)
SELECT gen_random_uuid(), user_id, date_trunc('month', created_at AT TIME ZONE 'UTC')::date AS month, count(*),
    count(*) - count(cost), sum(input_tokens), sum(output_tokens), sum(total_tokens), coalesce(sum(cost), 0)
FROM llm_call_log GROUP BY user_id, month;
"""


async def seed(url: str, *, users: int, calls: int) -> None:
    """A year of rows, unless there are some; vacuumed, as autovacuum would have done by then."""
    rows = await asyncpg.connect(url)
    try:
        if not await rows.fetchval("SELECT EXISTS (SELECT 1 FROM llm_call_log)"):
            began = time.perf_counter()
            await rows.execute(SEED.format(users=users, calls=calls, days=DAYS))
            await rows.execute("VACUUM ANALYZE")
            say(f"Seeded in {time.perf_counter() - began:.0f} s")
    finally:
        await rows.close()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


async def print_row(name: str, work: Callable[[], Awaitable[object]], *, times: int) -> None:
    """Measure and print one row of the table."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        spent.append((time.perf_counter() - began) * 1000)
    spent.sort()
    say(f"{name:<56}{spent[times // 2]:>11.1f}{spent[-(-times * 95 // 100) - 1]:>11.1f}")


async def measure_queries(url: str, *, times: int) -> None:
    """Each query of the pages alone."""
    async with database.opened(Settings(debug=True, database_url=url)):
        heavy = await User.get(email=HEAVY)
        days = [datetime.now(UTC) - timedelta(days=back) for back in (overview.DAYS, 1)]
        month = months.this_month()
        queries: dict[str, Callable[[], Awaitable[object]]] = {
            "30 days by day and status": lambda: database.query(overview.BY_DAY, days[0]),
            "p50 and p95 latency by day": lambda: database.query(overview.LATENCIES, days[0]),
            "users and running replies": lambda: database.query(overview.NOW, *days),
            "the whole overview": lambda: overview.overview(Settings(debug=True)),
            "a month of 3,000 requests and 600 chats": lambda: report.month_report(heavy, month),
            "the month of all users": lambda: report.month_of_all_users(month),
        }
        for name, work in queries.items():
            await print_row(name, work, times=times)


async def measure_pages(url: str, *, times: int) -> None:
    """As the browser of an administrator."""
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=60) as http:
        async with asyncio.timeout(READY_SECONDS):
            while not await ready(http):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
        await http.post("/accounts/login/", data={"email": ROOT, "password": PASSWORD})
        first = await http.get("/admin/")
        if first.status_code != httpx.codes.OK:
            raise SystemExit(f"/admin/ answered {first.status_code}")
        lists = sorted(set(LINK.findall(first.text)) - {"/admin/"})
        rows = [ROW.search((await http.get(path)).text) for path in lists]
        for path in ("/admin/", "/usage/", *lists, *FILTERED, *(found[1] for found in rows if found)):
            await print_row(path, lambda path=path: answered(http, path), times=times)


async def answered(http: httpx.AsyncClient, path: str) -> None:
    """Get a page; raises if it fails, since an error page must not be measured."""
    (await http.get(path)).raise_for_status()


async def ready(http: httpx.AsyncClient) -> bool:
    """Whether the site is ready."""
    try:
        return (await http.get("/readyz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/admin.py", description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="folder of the database; created if missing")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True, parents=True)
        folder.chmod(0o755)  # PostgreSQL runs as another user there
        database_url = stack.enter_context(embedded_postgres(folder / "postgres", durable=False))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            "DEBUG": "True",
            "RATE_LIMITS": "off",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": url,
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "REDIS_URL": stack.enter_context(embedded_valkey(folder / "valkey")),
            "OPENAI_API_KEY": "none",
            "EMAIL_VERIFICATION_REQUIRED": "False",
            "LOG_LEVEL": "WARNING",
        }
        asyncio.run(database.migrate(Settings(debug=True, database_url=database_url)))
        asyncio.run(seed(database_url, users=arguments.users, calls=arguments.calls))
        with process("-c", CHAT, "create-admin", ROOT, said=f"{PASSWORD}\n", **environment):
            pass
        say(f"{arguments.times} times, Python {platform.python_version()}, {os.cpu_count()} processors\n")
        say(f"{'':<56}{'median ms':>11}{'p95 ms':>11}")
        asyncio.run(measure_queries(database_url, times=arguments.times))
        stack.enter_context(process("-c", CHAT, "serve", **environment))
        asyncio.run(measure_pages(url, times=arguments.times))


if __name__ == "__main__":
    main()
