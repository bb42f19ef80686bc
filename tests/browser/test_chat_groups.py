"""The list of chats is divided by day, in the reader's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from chat.models import ChatThread
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread

NOON = datetime(
    2031, 3, 15, 12, tzinfo=UTC
)  # ahead of the clock, so that nothing that happens in the test is in between
GROUPS = """
    () => [...document.querySelectorAll("#thread-list > *")].map((group) => {
      const [heading, list] = group.children;
      const isNamed = document.getElementById(list.getAttribute("aria-labelledby")) === heading;
      const titles = [...list.children].map((row) => row.querySelector(".thread-title").textContent);
      return [isNamed && heading.textContent, ...titles];
    })
"""


async def thread_at(person: Person, title: str, moment: datetime) -> str:
    """A chat whose last message is from then; returns its id."""
    thread_id = await past_thread(person, title=title)
    await ChatThread.filter(id=thread_id).update(last_message_at=moment)
    return thread_id


async def opened(desk: Desk, person: Person, now: datetime, thread_id: str = "", zone: str = "UTC") -> ChatPage:
    """The person's chats, by the clock of a zone."""
    page = await (await desk.context(person, timezone_id=zone)).new_page()
    await page.clock.install(time=now)
    return await ChatPage.opened(page, thread_id)


async def groups(chat: ChatPage) -> list[list[str]]:
    found: list[list[str]] = await chat.page.evaluate(GROUPS)
    return found


async def test_each_group_has_a_heading_and_a_list(desk: Desk, alice: Person) -> None:
    for title, hours in {
        "Now": 0,
        "Night": 11,
        "Evening": 13,
        "Week": 100,
        "Month": 400,
        "Winter": 1200,
        "Year": 9000,
    }.items():
        await thread_at(alice, title, NOON - timedelta(hours=hours))
    chat = await opened(desk, alice, NOON)

    assert await groups(chat) == [
        ["Today", "Now", "Night"],
        ["Yesterday", "Evening"],
        ["Previous 7 days", "Week"],
        ["Previous 30 days", "Month"],
        ["January", "Winter"],
        ["March 2030", "Year"],
    ]
    assert await chat.page.get_by_role("heading", level=2, name="Yesterday").count() == 1
    assert await chat.page.get_by_role("list", name="Yesterday").get_by_role("listitem").count() == 1


async def test_a_day_is_the_readers(desk: Desk, alice: Person) -> None:
    await thread_at(alice, "Night", NOON - timedelta(hours=11))
    await thread_at(alice, "Evening", NOON - timedelta(hours=13))
    london, tokyo = (
        await opened(desk, alice, NOON, zone="Europe/London"),
        await opened(desk, alice, NOON, zone="Asia/Tokyo"),
    )
    west = await opened(desk, alice, NOON, zone="America/Los_Angeles")

    assert await groups(london) == [["Today", "Night"], ["Yesterday", "Evening"]]
    assert await groups(tokyo) == [["Today", "Night", "Evening"]]
    assert await groups(west) == [["Yesterday", "Night", "Evening"]]


async def test_at_midnight_the_list_is_divided_again(desk: Desk, alice: Person) -> None:
    await thread_at(alice, "Morning", NOON - timedelta(hours=2))
    await thread_at(alice, "Evening", NOON - timedelta(hours=13))
    chat = await opened(desk, alice, NOON)
    row = chat.page.get_by_role("link", name="Morning")
    await row.focus()
    assert await groups(chat) == [["Today", "Morning"], ["Yesterday", "Evening"]]
    await chat.page.clock.fast_forward(12 * 3_600_000)

    await expect(chat.page.get_by_role("heading", name="Today")).to_have_count(0)
    assert await groups(chat) == [["Yesterday", "Morning"], ["Previous 7 days", "Evening"]]
    await expect(row).to_be_focused()


async def test_a_chat_that_goes_on_moves_to_today_with_the_focus(desk: Desk, alice: Person) -> None:
    now = datetime.now(UTC)
    older = await thread_at(alice, "The older one", now - timedelta(days=5))
    newer = await thread_at(alice, "The newer one", now - timedelta(days=3))
    chat = await desk.chat(alice, newer)
    link = chat.page.get_by_role("link", name="The older one")
    await link.focus()
    assert await groups(chat) == [["Previous 7 days", "The newer one", "The older one"]]
    await alice.ask("say hello", older)

    await expect(chat.page.get_by_role("list", name="Today")).to_be_visible()
    assert await groups(chat) == [["Today", "The older one"], ["Previous 7 days", "The newer one"]]
    await expect(link).to_be_focused()


async def test_headings_are_there_before_the_scripts(desk: Desk, alice: Person) -> None:
    """Later they would move the list."""
    await thread_at(alice, "Evening", NOON - timedelta(hours=13))
    page = await (await desk.context(alice, allowed=("net::ERR_FAILED",))).new_page()
    await page.clock.install(time=NOON)
    await page.route("**/dist/app.js*", lambda route: route.abort())
    await page.goto("/chat/")

    assert await groups(ChatPage(page)) == [["Yesterday", "Evening"]]


async def test_a_page_from_an_older_server_is_divided_later(desk: Desk, alice: Person) -> None:
    """During a deployment its scripts may come from a newer one."""
    thread_id = await thread_at(alice, "Evening", NOON - timedelta(hours=13))
    page = await (await desk.context(alice)).new_page()
    await page.clock.install(time=NOON)
    await page.route("**/dist/first_paint.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    chat = await ChatPage.opened(page, thread_id)

    assert await groups(chat) == [["Yesterday", "Evening"]]


async def test_without_javascript_the_list_is_one(desk: Desk, alice: Person) -> None:
    await thread_at(alice, "Night", NOON - timedelta(hours=11))
    await thread_at(alice, "Evening", NOON - timedelta(hours=13))
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto("/chat/")

    await expect(page.locator("#thread-list ol")).to_have_count(1)
    await expect(page.locator(".thread-title:visible")).to_have_text(["Night", "Evening"])
