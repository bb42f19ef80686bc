"""A browser with a person's cookies, which collects every complaint of its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    WebSocket,
    expect,
)

from tests.support.cast import Person
from tests.support.site import Site
from tests.support.waiting import eventually

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

# DOMPurify parses its input in an inert document; Chromium reports what it blocked there.
HARMLESS_IN_HOSTILE_HTML = r"(Executing inline event handler|Applying inline style) violates"
REFUSED_FORM = r"Failed to load resource: the server responded with a status of 4\d\d"
NO_CONNECTION = r"WebSocket connection to .* failed"


@dataclass
class Watch:
    """What went wrong in a context's pages; `allowed` are patterns of what a test brings about on purpose."""

    site: Site
    allowed: tuple[str, ...] = ()
    agrees: bool = False  # to what dialogs ask
    complaints: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Violations of the Content Security Policy are errors on the console."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self._complain(f"uncaught: {error.error}"))
        context.on("dialog", self._asked)
        context.on("request", self._requested)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"console {message.type}: {message.text}")

    async def _asked(self, dialog: Dialog) -> None:
        self._complain(f"dialog: {dialog.message}")
        await (dialog.accept() if self.agrees else dialog.dismiss())

    def _requested(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.site.url).netloc:
            self._complain(f"loaded from elsewhere: {request.url}")

    def _complain(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self.allowed):
            self.complaints.append(text)


class Desk:
    """Opens browser contexts, one for each person and device, and closes them all."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self._browser = browser
        self.site = site
        self._contexts: list[BrowserContext] = []
        self._watches: list[Watch] = []

    async def context(
        self, person: Person | None = None, *, allowed: tuple[str, ...] = (), agrees: bool = False, **options: Any
    ) -> BrowserContext:
        """A browser with nothing in it but the person's cookies."""
        options = {"viewport": DESKTOP, "base_url": self.site.url, "locale": "en-GB", **options}
        context = await self._browser.new_context(**options)
        context.set_default_timeout(20_000)
        await context.add_init_script(HEARD)
        self._contexts.append(context)
        watch = Watch(self.site, allowed, agrees)
        watch.over(context)
        self._watches.append(watch)
        if person and person.http.cookies:
            jar = person.http.cookies.items()
            await context.add_cookies([{"name": name, "value": value, "url": self.site.url} for name, value in jar])
        return context

    async def chat(self, person: Person, thread_id: str = "", **options: Any) -> ChatPage:
        """The person's chat, or one thread with its socket connected, in a new browser."""
        context = await self.context(person, **options)
        return await ChatPage.opened(await context.new_page(), thread_id)

    async def clear(self) -> list[str]:
        """Close everything; returns the complaints."""
        for context in self._contexts:
            await context.close()
        return [complaint for watch in self._watches for complaint in watch.complaints]


# Keeps what screen readers are told: the texts of the page's live region, from before its scripts run.
HEARD = """
    window.heard = [];
    document.addEventListener("readystatechange", () => {
      const region = document.getElementById("chat-announcer");
      const listen = () => region.textContent && window.heard.push(region.textContent);
      if (!region || document.readyState !== "interactive") return;
      new MutationObserver(listen).observe(region, { childList: true });
    });
"""

# The rendered text of an answer at each change, until it is over.
TEXTS_UNTIL_OVER = """
    (article) => new Promise((resolve) => {
      const texts = [];
      const look = () => {
        const text = article.querySelector(".markdown-content").textContent.trimEnd();
        if (text !== texts.at(-1)) texts.push(text);
        if (article.dataset.status !== "streaming") resolve(texts);
      };
      const everything = { subtree: true, childList: true, characterData: true, attributes: true };
      new MutationObserver(look).observe(article, everything);
      look();
    })
"""


class ChatPage:
    """The chat in one tab, in users' words."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.field = page.get_by_label("Message", exact=True)
        self.send_button = page.get_by_role("button", name="Send", exact=True)
        self.stop_button = page.get_by_role("button", name="Stop answering")
        self.status = page.locator("#connection-status")
        self.scroller = page.locator("#chat-scroll")
        self.messages = page.locator("#chat-messages article")
        self.questions = page.locator('#chat-messages article[data-role="user"]')
        self.answers = page.locator('#chat-messages article[data-role="assistant"]')
        self.threads = page.locator("#thread-list .thread-row")
        self.error = page.locator("#composer-error")
        page.on("websocket", self._connects)

    @classmethod
    async def opened(cls, page: Page, thread_id: str = "") -> ChatPage:
        """Load a page, and wait for its socket if it has one."""
        chat = cls(page)
        await page.goto(f"/chat/{thread_id}/" if thread_id else "/chat/")
        if thread_id:
            await chat.is_connected()
        return chat

    def _connects(self, socket: WebSocket) -> None:
        self.socket = socket

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.answers.last

    @property
    def note(self) -> Locator:
        """The note below the last answer."""
        return self.answer.locator(".message-note")

    @property
    def thread_id(self) -> str:
        """The id of the thread that the page shows."""
        return self.page.url.rstrip("/").rpartition("/")[2]

    async def is_connected(self) -> None:
        """Wait for it."""
        await expect(self.status).to_have_attribute("data-phase", "connected")

    async def say(self, text: str) -> None:
        """Type a message and press Enter."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def text(self, message: Locator | None = None) -> str:
        """The text of a message, by default of the last answer."""
        return (await (message or self.answer).locator(".markdown-content").text_content() or "").rstrip()

    async def has_text(self, length: int, *, answers: int = 1) -> str:
        """Wait for this number of answers, the last of which has this number of characters."""
        await expect(self.answers).to_have_count(answers)
        await expect(self.answer.locator(".markdown-content")).to_have_text(re.compile(f"[\\s\\S]{{{length}}}"))
        return await self.text()

    async def texts_until_over(self) -> list[str]:
        """The text of the last answer at each change that is seen, until it is over."""
        texts: list[str] = await self.answer.evaluate(TEXTS_UNTIL_OVER)
        return texts

    async def is_over(self, status: str = "final", *, answers: int = 1) -> None:
        """Wait for this number of answers, the last of which is over."""
        await expect(self.answers).to_have_count(answers)
        await expect(self.answer).to_have_attribute("data-status", status)

    async def answer_id(self) -> str:
        """The id of the last answer."""
        return await self.answer.get_attribute("data-message-id") or ""

    async def shows_another(self, answer_id: str) -> None:
        """Wait until another answer is in the place of this one."""
        await expect(self.page.locator(f"article[data-message-id='{answer_id}']")).to_have_count(0)
        await expect(self.answer).to_be_visible()

    async def heard(self) -> list[str]:
        """What screen readers have been told since the page was loaded."""
        texts: list[str] = await self.page.evaluate("window.heard")
        return texts

    async def hears(self, text: str, *, times: int = 1) -> list[str]:
        """Wait until screen readers have been told this so many times; returns everything that they have been told."""
        texts: list[str] = await eventually(lambda: self._heard(text, times))
        return texts

    async def _heard(self, text: str, times: int) -> list[str] | None:
        texts = await self.heard()
        return texts if texts.count(text) >= times else None

    async def distance_to_end(self) -> float:
        """Pixels between what is seen and the end of the conversation."""
        distance: float = await self.scroller.evaluate("it => it.scrollHeight - it.scrollTop - it.clientHeight")
        return distance
