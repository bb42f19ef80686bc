"""What a first load of the chat costs on the network, in Chromium: every body, as it is sent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from chat.models import ChatMessage, ChatThread, User
from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread

BUDGET = 80_000
SHORT_PAGE, LONG_PAGE = 9_000, 16_000
THREADS, MESSAGES = 200, 50
TITLES = [
    "How long to boil an egg",
    "Sorting in place",
    "A week in Lisbon",
    "Why is the sky blue?",
    "A card for Ada",
]
PARAGRAPH = (
    "Eggs cook at {0} °C; number {1} needs {2} minutes, a little more at {3} m above the sea. Stir **gently**.\n\n"
)


async def load(page: Page, path: str) -> Counter[str]:
    """Load a page that the browser has never seen, until it asks for nothing more; the bytes that each request brings.

    Headers are left out: a proxy with HTTP/2 or 3 sends them in a tenth of what they take here.
    """
    session = await page.context.new_cdp_session(page)
    paths: dict[str, str] = {}
    sizes: Counter[str] = Counter()

    def requested(event: dict[str, Any]) -> None:
        paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def received(event: dict[str, Any]) -> None:
        response = event["response"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        sizes[paths[event["requestId"]]] = 0 if response["fromDiskCache"] else int(headers["content-length"])

    session.on("Network.requestWillBeSent", requested)
    session.on("Network.responseReceived", received)
    await session.send("Network.enable")
    await page.goto(path, wait_until="networkidle")
    for worker in page.workers:  # the browser tells the page of the request, and only the worker of the response
        response = await page.request.get(worker.url)
        sizes[urlsplit(worker.url).path] = int(response.headers["content-length"])
    assert len(sizes) == len(paths) >= 4
    return sizes


async def used_for_long(person: Person) -> str:
    """A user with as many chats as the sidebar shows; the id of one with as many messages as a page."""
    thread_id = await past_thread(person, messages=MESSAGES)
    for message in await ChatMessage.filter(thread_id=thread_id):
        number = message.number
        text = "".join(PARAGRAPH.format(40 + number, 7 * each, number % 9, each * 13) for each in range(number % 12))
        await ChatMessage.filter(id=message.id).update(content=f"Message {number}. {text}")
    user, now = await User.get(email=person.email), datetime.now(UTC)
    await ChatThread.bulk_create(
        ChatThread(
            user=user, title=f"{TITLES[number % 5]} ({number})", last_message_at=now - timedelta(days=number + 1)
        )
        for number in range(THREADS)
    )
    return thread_id


async def test_a_first_load_of_the_chat_is_light(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice)).new_page()
    sizes = await load(page, "/chat/")

    await expect(page.get_by_label("Message", exact=True)).to_be_editable()
    assert sizes.total() <= BUDGET, sizes


async def test_a_chat_needs_no_other_files(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=8)
    sizes = await load(await (await desk.context(alice)).new_page(), f"/chat/{thread_id}/")

    assert [path for path in sizes if "/chunks/" in path] == []
    assert sizes.pop(f"/chat/{thread_id}/") <= SHORT_PAGE
    assert sizes.total() <= BUDGET - 5_000, sizes


async def test_a_user_with_many_chats_and_long_ones_pays_for_their_text(desk: Desk, alice: Person) -> None:
    """Fifty messages with 30 kB of text, beside the newest of two hundred chats."""
    thread_id = await used_for_long(alice)
    sizes = await load(await (await desk.context(alice)).new_page(), f"/chat/{thread_id}/")

    assert sizes[f"/chat/{thread_id}/"] <= LONG_PAGE, sizes


async def test_highlighting_formulas_and_emoji_are_loaded_when_they_are_needed(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    context = await desk.context(alice)
    plain = set(await load(await context.new_page(), f"/chat/{thread_id}/"))
    await ChatMessage.filter(thread_id=thread_id).update(content="```python\nprint(1)\n```\n\n$$x^2$$\n\nDone :tada:")
    page = await context.new_page()
    rich = set(await load(page, f"/chat/{thread_id}/"))

    await expect(page.locator(".katex").last).to_be_visible()
    await expect(page.locator(".markdown-content").last).to_contain_text("Done 🎉")
    lazies = ("highlight-", "highlighter", "typesetting-", "math.css", "emoji-")
    assert [path for path in plain if any(lazy in path for lazy in lazies)] == []
    for lazy in lazies:
        assert [path for path in rich if lazy in path] != [], lazy
