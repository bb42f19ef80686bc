"""Every page at 200 % and at 400 % zoom, and with more space between letters, words and lines (WCAG 1.4.10, 1.4.12)."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from chat.models import User
from tests.support.cast import Person
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.rows import answered

ZOOMS = [{"width": 640, "height": 400}, {"width": 320, "height": 256}]
VISITORS = (
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password_reset/",
    "/accounts/verify-required/",
    "/nowhere/",
)
USERS = (
    "/chat/",
    "/usage/",
    *(f"/accounts/{name}/" for name in ("settings", "sessions", "change-email", "data", "delete")),
)
ADMIN = ("", *(f"{name}/" for name in ("users", "calls", "generations", "audit", "confirm")))

# What reaches beyond the window, if that makes the page scroll sideways; not what scrolls by itself.
WIDE = """
    () => {
      const scrolls = (it) => it && (getComputedStyle(it).overflowX !== "visible" || scrolls(it.parentElement));
      const wide = (it) => it.getBoundingClientRect().right > innerWidth + 1 && !scrolls(it.parentElement);
      if (document.documentElement.scrollWidth <= innerWidth) return [];
      const found = [...document.body.querySelectorAll("*")].filter(wide);
      return ["the page", ...found.map((it) => it.outerHTML.slice(0, 200))];
    }
"""
SPACED = """
    () => {
      const sheet = new CSSStyleSheet();
      const spaced = "line-height: 1.5; letter-spacing: 0.12em; word-spacing: 0.16em";
      sheet.replaceSync(`* { ${spaced} } p { margin-block-end: 2em }`);
      document.adoptedStyleSheets = [sheet];
    }
"""
# Of <main>, or of a chat's conversation: how much can be seen once it is scrolled to.
SEEN = """
    () => {
      const place = document.getElementById("chat-scroll") ?? document.querySelector("main");
      place.scrollIntoView();
      const { top, bottom } = place.getBoundingClientRect();
      return Math.min(bottom, innerHeight) - Math.max(top, 0);
    }
"""
LEAST_PX = 100  # of a window that is 256 high: about four lines


async def fits(page: Page, path: str) -> None:
    """At both zooms the page does not scroll sideways, and its content can be seen; so too with more space."""
    await page.goto(path)
    for zoom in ZOOMS:
        await page.set_viewport_size({"width": zoom["width"], "height": zoom["height"]})
        assert await page.evaluate(WIDE) == [], (path, zoom)
        assert await page.evaluate(SEEN) >= LEAST_PX, (path, zoom)
    await page.evaluate(SPACED)
    assert await page.evaluate(WIDE) == [], (path, "spaced")


async def test_pages_for_visitors(desk: Desk) -> None:
    page = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
    for path in VISITORS:
        await fits(page, path)


async def test_pages_of_an_account(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    thread = f"/chat/{await answered(alice, 'What is what?', TEXT)}/"
    for path in (*USERS, thread, f"{thread}delete/"):
        await fits(page, path)


async def test_pages_of_administrators(desk: Desk, root: Person, alice: Person) -> None:
    page = await (await desk.context(root, allowed=(REFUSED_FORM,))).new_page()
    user = await User.get(email=alice.email)
    await User.create(email=f"{user.id}-{'long' * 20}@mail.example.com", password_hash="none")
    for path in (*ADMIN, f"users/{user.id}/", f"users/{user.id}/disable/"):
        await fits(page, f"/admin/{path}")


TEXT = """\
## A heading that is long enough to need a second line on a narrow screen

| Planet | Moons | Discovered by | Year |
|:--|--:|:--|--:|
| Neptune | 16 | Urbain Le Verrier and Johann Galle | 1846 |

```python
print("a line of code that is much longer than any narrow window is wide, so it scrolls by itself")
```

https://example.com/an/address/without/any/place/to/break/it/that/goes/on/and/on/and/on/and/on/and/on
"""


@pytest.mark.parametrize("zoom", ZOOMS, ids=["200", "400"])
async def test_a_conversation_is_read_and_continued(desk: Desk, alice: Person, zoom: dict[str, int]) -> None:
    chat = await desk.chat(alice, await answered(alice, "What is what?", TEXT), viewport=zoom)
    await chat.say("say hello")
    await chat.is_over(answers=2)
    await chat.page.keyboard.press("Alt+Shift+ArrowDown")

    await expect(chat.answer.get_by_text("hello")).to_be_in_viewport(ratio=0.9)
    await expect(chat.page.get_by_role("button", name="Go to the answer")).to_have_count(1)
    await chat.page.keyboard.press("Shift+Escape")
    await expect(chat.field).to_be_in_viewport(ratio=0.9)
    for name in ("Open chats", "Options"):
        await chat.page.get_by_label(name).click()
        assert await chat.page.evaluate(WIDE) == []
        await chat.page.keyboard.press("Escape")
    await chat.page.keyboard.press("Control+/")
    assert await chat.page.evaluate(WIDE) == []
    await expect(chat.page.get_by_role("button", name="Close", exact=True)).to_be_in_viewport()
