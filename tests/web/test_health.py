"""The health checks of load balancers: is the process up, and is it ready for requests."""

from __future__ import annotations

from tests.support.cast import Person
from tests.support.site import Beside


async def test_the_health_page_shows_only_that_the_process_is_up(nobody: Person) -> None:
    answer = await nobody.http.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not answer.cookies


async def test_the_server_is_ready_with_its_database_and_redis(nobody: Person) -> None:
    answer = await nobody.http.get("/readyz")

    expected = {"status": "ok", "database": True, "redis": True, "draining": False}
    assert (answer.status_code, answer.json()) == (200, expected)


async def test_while_it_drains_it_is_up_and_not_ready(beside: Beside) -> None:
    async with beside() as site, Person.visiting(site) as probe:
        site.resources.worker.draining = True
        ready, healthy = await probe.http.get("/readyz"), await probe.http.get("/healthz")

    assert (ready.status_code, ready.json()["draining"], ready.json()["status"]) == (503, True, "unavailable")
    assert healthy.status_code == 200
