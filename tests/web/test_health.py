"""The health checks of load balancers: is the process up, and is it ready for requests."""

from __future__ import annotations

import asyncio

import pytest

from chat.database import DatabaseUnavailable
from chat.web.readiness import Store
from tests.support import patches
from tests.support.cast import Person
from tests.support.providers import provider_down
from tests.support.site import Beside, Site


async def test_the_health_page_shows_only_that_the_process_is_up(nobody: Person) -> None:
    answer = await nobody.http.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not answer.cookies


async def test_the_server_is_ready_with_its_database_and_redis(nobody: Person) -> None:
    answer = await nobody.http.get("/readyz")

    expected = {"status": "ok", "database": True, "redis": True, "draining": False, "providers": {"127.0.0.1": "ok"}}
    assert (answer.status_code, answer.json()) == (200, expected)


async def test_a_provider_that_is_down_is_reported_and_the_server_stays_ready(
    site: Site, nobody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with provider_down(site, monkeypatch):
        answer = await nobody.http.get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["providers"]) == (
        200,
        "ok",
        {"127.0.0.1": "down"},
    )


async def test_while_it_drains_it_is_up_and_not_ready(beside: Beside) -> None:
    async with beside() as site, Person.visiting(site) as probe:
        site.resources.worker.draining = True
        ready, healthy = await probe.http.get("/readyz"), await probe.http.get("/healthz")

    assert (ready.status_code, ready.json()["draining"], ready.json()["status"]) == (503, True, "unavailable")
    assert healthy.status_code == 200


async def test_a_store_that_answers_late_is_up_until_it_has_answered_nothing_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patches.READINESS_LIMIT_SECONDS.replace(monkeypatch, 0)
    late = asyncio.Event()
    store = Store(late.wait)
    is_up = await store.is_up()
    patches.READINESS_DOWN_SECONDS.replace(monkeypatch, 0)
    is_up_later = await store.is_up()
    late.set()
    patches.READINESS_LIMIT_SECONDS.replace(monkeypatch, None)
    is_up_again = await store.is_up()

    assert (is_up, is_up_later, is_up_again) == (True, False, True)


@pytest.mark.parametrize(("error", "is_up"), [(TimeoutError(), True), (DatabaseUnavailable("refused"), False)])
async def test_a_store_that_fails_is_down_at_once_and_one_that_was_too_slow_is_not(
    error: Exception, is_up: bool
) -> None:
    async def ask() -> None:
        raise error

    assert await Store(ask).is_up() is is_up
