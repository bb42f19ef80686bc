"""The list of chats: all of them can be reached, its place is kept, and it is live without a thread as well."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.support.cast import PASSWORD, Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.queues import gated
from tests.support.rows import many_threads, past_thread


def titles(first: int, last: int) -> list[str]:
    return [f"Chat {number}" for number in range(first, last + 1)]


def more(chat: ChatPage) -> Locator:
    return chat.page.get_by_role("link", name="Show more chats")


def shown(chat: ChatPage) -> Locator:
    return chat.threads.locator(".thread-title")


TO_THE_END = "() => { const list = document.getElementById('thread-scroll'); list.scrollTop = list.scrollHeight; }"


async def test_older_chats_are_added_below_when_the_end_is_near(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 120)
    chat = await desk.chat(alice)
    await expect(shown(chat)).to_have_text(titles(1, 50))
    focused = chat.page.get_by_role("link", name="Chat 3", exact=True)
    await focused.focus()
    await chat.page.evaluate(TO_THE_END)
    await expect(shown(chat)).to_have_text(titles(1, 100))
    assert await chat.page.evaluate("document.getElementById('thread-scroll').scrollTop") > 1_000
    await chat.page.evaluate(TO_THE_END)
    await expect(shown(chat)).to_have_text(titles(1, 120))
    await expect(more(chat)).to_be_hidden()
    await expect(focused).to_be_focused()


async def test_with_the_keyboard_the_list_has_no_end_either(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 120)
    chat = await desk.chat(alice)
    for last in (50, 100, 120):
        await expect(shown(chat)).to_have_text(titles(1, last))
        await chat.page.locator("#thread-list a[tabindex='0']").press("End")
        await expect(chat.page.get_by_role("link", name=f"Chat {last}", exact=True)).to_be_focused()


async def test_changes_keep_the_order_of_a_list_that_has_grown(desk: Desk, alice: Person) -> None:
    ids = await many_threads(alice, 70)
    chat = await desk.chat(alice)
    await alice.http.post(f"/chat/{ids[59]}/title/", data={"title": "Renamed"})  # not in the list yet
    await alice.ask("say hello", ids[64])
    await expect(shown(chat).first).to_have_text("Chat 65")
    await more(chat).evaluate("it => it.click()")  # scrolling to it would load them, too
    await expect(chat.threads).to_have_count(70)
    await alice.http.post(f"/chat/{ids[69]}/delete/")
    await expect(chat.threads).to_have_count(69)

    expected = ["Chat 65", *titles(1, 59), "Renamed", *titles(61, 64), *titles(66, 69)]
    await expect(shown(chat)).to_have_text(expected)


async def test_without_a_connection_a_sentence_says_that_nothing_was_loaded(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 60)
    chat = await desk.chat(alice, allowed=("net::ERR_FAILED", "Failed to load resource"))
    await chat.page.route("**/chat/api/threads/**", lambda route: route.abort())
    await more(chat).click()
    await expect(chat.page.get_by_text("The chats could not be loaded. Try again.")).to_be_visible()
    await chat.page.unroute("**/chat/api/threads/**")
    await more(chat).press("Enter")
    await expect(shown(chat)).to_have_text(titles(1, 60))
    await expect(chat.page.get_by_role("link", name="Chat 51", exact=True)).to_be_focused()
    await chat.hears("10 more chats loaded")


async def in_view(chat: ChatPage) -> bool:
    """Whether the current row is inside the visible part of the list."""
    inside: bool = await chat.page.evaluate("""() => {
      const row = document.querySelector("#thread-list [aria-current]").getBoundingClientRect();
      const list = document.getElementById("thread-scroll").getBoundingClientRect();
      return row.top >= list.top && row.bottom <= list.bottom + 1;
    }""")
    return inside


async def test_the_list_keeps_its_place_and_shows_the_current_chat(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 50)
    chat = await desk.chat(alice)
    await chat.page.get_by_role("link", name="Chat 40", exact=True).scroll_into_view_if_needed()
    place = await chat.page.evaluate("document.getElementById('thread-scroll').scrollTop")
    await chat.page.get_by_role("link", name="Chat 40", exact=True).click()
    await chat.is_connected()

    assert place > 0
    assert await chat.page.evaluate("document.getElementById('thread-scroll').scrollTop") == place
    assert await in_view(chat)


async def test_a_chat_far_down_is_in_view_in_a_list_that_had_grown(desk: Desk, alice: Person) -> None:
    ids = await many_threads(alice, 140)
    chat = await desk.chat(alice, ids[129])
    assert await in_view(chat)
    await expect(shown(chat)).to_have_text([*titles(1, 50), "Chat 130"])
    await more(chat).click()
    await expect(shown(chat)).to_have_text([*titles(1, 100), "Chat 130"])
    await chat.page.get_by_role("link", name="Chat 90", exact=True).click()
    await chat.is_connected()
    await expect(shown(chat)).to_have_text(titles(1, 100))
    assert await in_view(chat)


async def test_on_a_phone_the_open_drawer_shows_the_current_chat(desk: Desk, alice: Person) -> None:
    ids = await many_threads(alice, 50)
    chat = await desk.chat(alice, ids[45], viewport=PHONE, has_touch=True, is_mobile=True)
    await chat.page.get_by_role("button", name="Open chats", exact=True).tap()

    await expect(chat.page.locator("#thread-list [aria-current]")).to_be_in_viewport()
    assert await in_view(chat)


async def test_all_chats_can_be_reached_without_javascript(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 60)
    context = await desk.context(alice, java_script_enabled=False)
    chat = ChatPage(await context.new_page())
    await chat.page.goto("/chat/")
    await more(chat).click()
    await expect(shown(chat)).to_have_text(titles(51, 60))
    await chat.page.get_by_role("link", name="Show newest chats").click()
    await expect(shown(chat)).to_have_text(titles(1, 50))


async def test_on_the_page_of_a_new_chat_the_list_is_live(desk: Desk, alice: Person) -> None:
    one = await past_thread(alice, title="One", days_ago=2)
    two = await past_thread(alice, title="Two", days_ago=1)
    chat = await desk.chat(alice)
    with gated(desk.site) as gate:
        await alice.ask("say hello", one)
        await expect(shown(chat)).to_have_text(["One", "Two"])
        dot = chat.threads.first.locator(".thread-running")
        await expect(dot).to_be_visible()
        gate.let_end()
        await expect(dot).to_be_hidden()
    await alice.http.post(f"/chat/{two}/title/", data={"title": "Two, renamed"})
    await expect(shown(chat)).to_have_text(["One", "Two, renamed"])
    await alice.ask("say something new")
    await expect(shown(chat)).to_have_text(["say something new", "One", "Two, renamed"])
    await alice.http.post(f"/chat/{one}/delete/")
    await expect(shown(chat)).to_have_text(["say something new", "Two, renamed"])


async def test_the_first_chat_takes_the_place_of_the_empty_lists_sentence(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    sentence = chat.page.get_by_text("Your chats will be listed here.")
    await expect(sentence).to_be_visible()
    posted = await alice.ask("say hello")
    await expect(sentence).to_be_hidden()
    await alice.http.post(f"/chat/{posted['thread_id']}/delete/")
    await expect(sentence).to_be_visible()


async def test_what_changed_while_the_tab_was_offline_is_in_the_list_afterwards(desk: Desk, alice: Person) -> None:
    gone, kept = [await past_thread(alice, title=title) for title in ("Gone", "Kept")]
    context = await desk.context(alice, allowed=("WebSocket connection", "ERR_INTERNET_DISCONNECTED"))
    chat = await ChatPage.opened(await context.new_page(), kept)
    await context.set_offline(True)
    await chat.page.evaluate(
        "window.dispatchEvent(new Event('pagehide'))"
    )  # what a browser closes when it freezes a page
    await alice.http.post(f"/chat/{gone}/delete/")
    await alice.ask("say something new")
    await context.set_offline(False)
    await expect(shown(chat)).to_have_text(["say something new", "Kept"])


async def test_a_logout_elsewhere_leads_from_the_page_of_a_new_chat_to_the_login(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    await chat.field.fill("Half a sentence")
    async with Person.visiting(alice.site) as other:
        await other.log_in(alice.email, PASSWORD)
        await other.http.post("/accounts/sessions/end-others/")
    await chat.page.wait_for_url("**/accounts/login/?next=%2Fchat%2F")


async def test_the_whole_of_a_title_that_is_cut_is_shown_by_the_pointer(desk: Desk, alice: Person) -> None:
    long = "A title that is far too long for the narrow list of chats beside the conversation"
    for title in ("Short", long):
        await past_thread(alice, title=title)
    chat = await desk.chat(alice)
    for title, tooltip in ((long, long), ("Short", "")):
        await chat.threads.get_by_text(title).hover()
        await expect(chat.threads.get_by_text(title)).to_have_attribute("title", tooltip)
        await expect(chat.threads.get_by_text(title).locator("..")).to_have_accessible_name(title)
