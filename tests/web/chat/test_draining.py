"""A worker that is about to stop: new sockets go elsewhere, and the tabs that it closes keep their allowance."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
import websockets

from chat.events import Close
from chat.models import User
from chat.security.limits import SOCKET_CONNECT
from chat.web.chat.open_sockets import TURNS_AT_ONCE
from chat.web.chat.socket import SOCKETS_PER_USER
from tests.support.cast import Person
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.tab import Tab
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("unforgiving")


@pytest.fixture
async def reader(alice: Person, throttled: Site) -> AsyncIterator[Person]:
    """The same browser at the site with limits, before and after it drains."""
    yield Person(throttled, alice.http, alice.email)
    throttled.resources.worker.draining = False


def drain(site: Site) -> None:
    """What SIGTERM does to sockets."""
    site.resources.worker.draining = True
    for one in site.resources.sockets:
        one.leave()


async def counted(person: Person) -> bool:
    """Whether the limit on new sockets has counted any."""
    user = await User.get(email=person.email)
    return bool(await person.site.resources.redis.exists(f"limit:{SOCKET_CONNECT.name}:{user.id}"))


async def farewell(connection: websockets.ClientConnection) -> tuple[list[str], int | None]:
    """The types of the last frames before the close, and its code."""
    frames = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            frames.append(json.loads(await asyncio.wait_for(connection.recv(), 20))["type"])
    return frames[-1:], connection.close_code


@pytest.mark.parametrize("has_thread", [True, False])
async def test_a_new_socket_is_sent_elsewhere_before_it_is_counted(reader: Person, has_thread: bool) -> None:
    thread_id = await past_thread(reader) if has_thread else ""
    drain(reader.site)
    for _ in range(SOCKET_CONNECT.count + 1):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with reader.connection(thread_id):
                pass

    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"
    assert not len(reader.site.resources.sockets)
    assert not await counted(reader)


async def test_a_visitor_is_sent_elsewhere_too(throttled: Site, reader: Person) -> None:
    drain(throttled)
    async with Person.visiting(throttled) as nobody:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with nobody.connection(""):
                pass

    assert refused.value.response.status_code == 503


async def test_tabs_that_are_closed_by_restarts_keep_their_allowance(reader: Person) -> None:
    """Twenty tabs may come back thirty times a minute in total; four restarts in a row are no reason to wait."""
    thread_id = await past_thread(reader)
    for _ in range(4):
        async with contextlib.AsyncExitStack() as stack:
            tabs = [await stack.enter_async_context(reader.tab(thread_id)) for _ in range(SOCKETS_PER_USER)]
            await asyncio.gather(*(tab.until_type("welcome") for tab in tabs))
            drain(reader.site)
            ends = await asyncio.gather(*(farewell(tab.connection) for tab in tabs))
        await eventually(lambda: not len(reader.site.resources.sockets))
        reader.site.resources.worker.draining = False
        assert ends == [(["bye"], Close.RESTART)] * SOCKETS_PER_USER
    assert not await counted(reader)


async def test_a_socket_that_waits_for_its_turn_is_told_and_not_counted(reader: Person) -> None:
    thread_id, sockets = await past_thread(reader), reader.site.resources.sockets
    async with contextlib.AsyncExitStack() as others:
        for _ in range(TURNS_AT_ONCE):
            await others.enter_async_context(sockets.turn())
        async with reader.tab(thread_id) as waiting:
            await eventually(lambda: len(sockets))
            drain(reader.site)
            await others.aclose()
            assert await farewell(waiting.connection) == (["bye"], Close.RESTART)
    assert not await counted(reader)


async def test_a_socket_that_says_hello_late_is_told_and_pays_nothing(reader: Person) -> None:
    thread_id, sockets = await past_thread(reader), reader.site.resources.sockets
    user = await User.get(email=reader.email)
    async with reader.connection(thread_id) as connection:
        await eventually(lambda: sockets.count_of(user.id))
        await eventually(lambda: counted(reader))
        drain(reader.site)
        await Tab(connection).hello()
        assert await farewell(connection) == (["bye"], Close.RESTART)
    assert not await counted(reader)


async def test_other_closes_are_counted(reader: Person) -> None:
    async with reader.tab(await past_thread(reader)) as tab:
        await tab.until_type("welcome")
    assert await counted(reader)
