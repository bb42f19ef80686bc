"""What a first load of the chat costs on the network, as Chromium counts it: headers and bodies, as they are sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from chat.models import ChatMessage
from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread

BUDGET = 80_000


async def load(page: Page, path: str) -> dict[str, int]:
    """Load a page that the browser has never seen, until it asks for nothing more; the bytes of each request."""
    session = await page.context.new_cdp_session(page)
    paths: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def requested(event: dict[str, Any]) -> None:
        paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def finished(event: dict[str, Any]) -> None:
        sizes[paths[event["requestId"]]] = int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", requested)
    session.on("Network.loadingFinished", finished)
    await session.send("Network.enable")
    await page.goto(path, wait_until="networkidle")
    assert set(sizes) == set(paths.values())
    return sizes


async def test_a_first_load_of_the_chat_is_light(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice)
    page = await context.new_page()
    sizes = await load(page, "/chat/")

    await expect(page.get_by_label("Message", exact=True)).to_be_editable()
    assert sum(sizes.values()) <= BUDGET, sizes


async def test_highlighting_and_formulas_are_loaded_when_they_are_needed(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    context = await desk.context(alice)
    plain = set(await load(await context.new_page(), f"/chat/{thread_id}/"))
    await ChatMessage.filter(thread_id=thread_id).update(content="```python\nprint(1)\n```\n\n$$x^2$$")
    page = await context.new_page()
    rich = set(await load(page, f"/chat/{thread_id}/"))

    await expect(page.locator(".katex").last).to_be_visible()
    assert [path for path in plain if "highlight" in path or "katex" in path or "math" in path] == []
    for lazy in ("highlight-", "katex-", "math.css"):
        assert [path for path in rich if lazy in path] != [], lazy
