"""The overview: its figures match the rows, and running work is counted over all workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from chat.broadcast import connect
from chat.models import LLMCallLog, User
from chat.services.admin.worker_stats import WorkerLoad, WorkerStats
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.site import Beside, Site
from tests.support.sums import overview, overview_beside_sums
from tests.support.waiting import eventually


async def call(user: User | None, **figures: Any) -> LLMCallLog:
    """Add a row."""
    row = {"status": "completed", "model_asked": "gpt-6-luna", "total_tokens": 40, "cost": Decimal("0.000123456789")}
    return await LLMCallLog.create(user=user, **(row | figures))


def figures(page: Page, section: str) -> dict[str, str]:
    """The name and text of each figure of a section."""
    names = [" ".join(one.text.split()) for one in page.all("dt")]
    words = [" ".join(one.text.split()) for one in page.all("dd", data_figure="")]
    part = {"now": slice(0, 5), "today": slice(5, 12), "month": slice(12, 19)}[section]
    return dict(list(zip(names, words, strict=True))[part])


async def test_the_figures_are_the_sums_of_the_rows(root: Person, alice: Person) -> None:
    user = await User.get(email=alice.email)
    await call(user)
    await call(user, status="rate_limited", cost=Decimal("0.000000000001"), estimated=True)
    await call(None, status="incomplete", cost=None)
    page, rows = await overview_beside_sums(root)
    today = figures(page, "today")

    assert Decimal(page.all("data")[0]["value"]) == rows["cost"]
    assert today["Tokens"] == f"{rows['tokens']:,}"
    assert today["Error rate"] == f"{rows['errors'] / rows['calls']:.2%}"
    assert f"{rows['errors']:,} of {rows['calls']:,} requests" in page.text
    assert f"+ {rows['unpriced']:,} request" in page.text
    assert f"rate limited {rows['rate_limited']:,}" in page.text
    assert "of it estimated" in page.text


async def test_figures_link_to_their_rows(root: Person, alice: Person) -> None:
    user = await User.get(email=alice.email)
    failed = await call(user, status="unreachable")
    await alice.ask("Tell me something long [offline: pace=50]")
    page = await overview(root)
    links = {link.get("href", "") for link in page.all("a")}
    failures = f"/admin/calls/?status=unreachable&day={failed.created_at:%Y-%m-%d}"

    assert f"/admin/users/{user.id}/" in links
    for path in (failures, "/admin/months/?sort=cost", "/admin/generations/?state=alive"):
        assert path in links
        answer = await root.http.get(path)
        assert answer.status_code == 200
        assert alice.email in answer.text or path.startswith("/admin/months/")


async def test_the_link_of_an_error_status_leads_to_as_many_requests_as_it_says(root: Person, alice: Person) -> None:
    user = await User.get(email=alice.email)
    today = datetime.combine(datetime.now(UTC), time(), UTC)
    for days in (0, 5, 29, 30, 45):
        made = await call(user, status="quota_exceeded")
        await LLMCallLog.filter(id=made.id).update(created_at=today - timedelta(days=days))
    page = await overview(root)
    links = [link for link in page.all("a") if link.get("href", "").startswith("/admin/calls/?status=quota_exceeded&")]
    assert len(links) == 2
    for link, mine in zip(links, (1, 3), strict=True):
        found = Page((await root.http.get(link["href"])).text)
        count = link.text.removeprefix("quota exceeded ")
        assert found.find("p", role="status").text.split()[0] == count
        of_mine = Page((await root.http.get(f"{link['href']}&user={user.id}")).text)
        assert of_mine.find("p", role="status").text.split()[0] == str(mine)


async def test_a_reply_is_counted_once_whatever_its_rounds(root: Person, alice: Person) -> None:
    user = await User.get(email=alice.email)
    await call(user)
    await call(user, round=2)
    await call(user, caller="title")
    page, rows = await overview_beside_sums(root)
    mine = await LLMCallLog.filter(user=user, caller="chat", round=1).count()

    assert mine == 1
    assert figures(page, "today")["Replies"] == f"{rows['replies']:,}"


async def test_each_chart_has_a_summary_and_a_table(root: Person, alice: Person) -> None:
    await call(await User.get(email=alice.email), duration_ms=1500, first_event_ms=250)
    page = await overview(root)
    pictures = page.all("svg", role="img")

    assert len(pictures) == 5
    for picture in pictures:
        title, summary = (
            page.find(tag, id=name).text
            for tag, name in zip(("title", "desc"), picture["aria-labelledby"].split(), strict=True)
        )
        assert title
        assert summary
    assert len(page.all("th", scope="row")) >= 3 * 30 + 2  # latency only for days with requests
    assert [element for element in page.elements if "style" in element] == []


async def now(root: Person, name: str) -> int:
    """A figure of the section Now."""
    return int(figures(await overview(root), "now")[name].replace(",", ""))


async def test_load_is_counted_over_all_workers(root: Person, site: Site) -> None:
    many = 30_000  # more than other tests could have left
    other = WorkerStats(site.resources.redis, "another:1:abc", lambda: WorkerLoad(tabs=many, emails=many))
    heartbeats = asyncio.create_task(other.run())

    async def shown() -> bool:
        return await now(root, "Open tabs") >= many

    try:
        await eventually(shown)

        assert await now(root, "Queued emails") >= many
        assert await now(root, "Workers") >= 2
    finally:
        heartbeats.cancel()
        await asyncio.gather(heartbeats, return_exceptions=True)

    assert await now(root, "Open tabs") < many


async def test_a_worker_without_heartbeats_is_forgotten(root: Person, site: Site) -> None:
    dead = [f"dead:{number}:abc" for number in range(100)]
    await site.resources.redis.sadd("workers", *dead)

    assert await now(root, "Workers") < len(dead)
    assert not any(await site.resources.redis.smismember("workers", dead))


async def test_without_redis_the_page_counts_this_worker_and_says_so(site: Site) -> None:
    redis = connect("redis://127.0.0.1:1/0")
    alone = WorkerStats(redis, "this:1:abc", lambda: WorkerLoad(tabs=2, emails=3))
    load = await alone.total()
    await redis.aclose()

    assert (load.everywhere, load.workers, load.tabs, load.emails) == (False, 1, 2, 3)


async def test_the_page_without_redis(beside: Beside) -> None:
    async with beside(REDIS_URL="redis://127.0.0.1:1/0") as lonely, Person.signed_up(lonely, "root") as root:
        await User.filter(email=root.email).update(is_staff=True)
        page = await overview(root)

        assert "Now (this worker only)" in page.text
        assert "Redis is unavailable" in page.text
        assert (figures(page, "now"))["Workers"] == "1"
