"""The people of bench/rolling_restart.py: tabs with a browser's delays, readers of pages, and one who keeps asking.

Each tab is the oracle of tests/faults: a frame that breaks a rule of the protocol ends the measurement.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.faults.oracle import FINISHED, Oracle

PASSWORD = "a-good-long-passphrase-7"  # noqa: S105
PAGE_EVERY_SECONDS = 0.1
ASK_EVERY_SECONDS = 3.5  # a user may send 20 messages a minute
OVERLOAD, OK, SEE_OTHER, CREATED, FIRST_CLOSE_CODE = 1013, 200, 303, 201, 1000
STABLE_SECONDS = RESTART_SECONDS = 60.0
ANSWER_SECONDS = 60.0


@dataclass
class Browser:
    """Someone behind the proxy, at an address of their own, with a cookie after the sign-up."""

    url: str
    tls: ssl.SSLContext
    address: str
    cookie: str = ""

    def http(self) -> httpx.AsyncClient:
        """A client that looks as if it were at this address."""
        headers = {"Origin": self.url} | ({"Cookie": self.cookie} if self.cookie else {})
        transport = httpx.AsyncHTTPTransport(verify=self.tls, local_address=self.address)
        return httpx.AsyncClient(base_url=self.url, transport=transport, headers=headers, timeout=30)

    async def sign_up(self) -> None:
        """As a visitor does, through the proxy."""
        fields = {"email": f"{uuid.uuid4().hex}@example.com", "password1": PASSWORD, "password2": PASSWORD}
        async with self.http() as http:
            answer = await http.post("/accounts/signup/", data=fields)
        if answer.status_code != SEE_OTHER:
            raise RuntimeError(answer.text[:500])
        self.cookie = "; ".join(line.split(";")[0] for line in answer.headers.get_list("set-cookie"))

    async def ask(self, text: str) -> dict[str, str]:
        """Start a chat; its thread and its answer."""
        async with self.http() as http:
            message = {"message": text, "client_id": str(uuid.uuid4())}
            answer = await http.post("/chat/", data=message, headers={"Accept": "application/json"})
        if answer.status_code != CREATED:
            raise RuntimeError(answer.text[:500])
        return dict(answer.json())

    async def stored(self, thread_id: str) -> list[dict[str, Any]]:
        """The messages of a chat."""
        async with self.http() as http:
            answer = await http.get(f"/chat/api/threads/{thread_id}/messages/")
        return list(answer.json()["messages"])

    def handshake(self, thread_id: str, _url: str, **options: Any) -> websockets.connect:
        """A websocket to a chat, as `Oracle` asks for it."""
        return websockets.connect(
            f"{self.url.replace('https', 'wss')}/ws/chat/{thread_id}/",
            origin=websockets.Origin(self.url),
            additional_headers={"Cookie": self.cookie},
            ssl=self.tls,
            compression=None,
            max_size=None,
            **options,
        )


class Tab(Oracle):
    """The oracle's tab, with the delays of static/src/chat/reconnect.js."""

    def __init__(self, browser: Browser, thread_id: str) -> None:
        super().__init__(browser, thread_id, [browser.url])  # type: ignore[arg-type]
        self._failures, self._up_at, self._bye_at = 0, 0.0, -1e9
        self._retry_ms: int | None = None

    def _retry_seconds(self) -> float:
        if self._up_at and time.monotonic() - self._up_at > STABLE_SECONDS:
            self._failures = 0
        delay = self._delay()
        self._failures += 1
        self._retry_ms, self._up_at = None, 0.0
        return delay

    def _delay(self) -> float:
        if self.codes[-1] == OVERLOAD:
            return 5 * (1 + self.chance.random())
        if self._retry_ms is not None:
            return self.chance.random() * max(self._retry_ms, 1000) / 1000
        longest = 5 if time.monotonic() - self._bye_at < RESTART_SECONDS else 30
        return self.chance.random() * (1 if self._failures == 0 else min(longest, 0.5 * 2**self._failures))

    async def _took(self, frame: dict[str, Any], *, gap: bool) -> None:
        if frame["type"] == "welcome":
            self._up_at = time.monotonic()
        if frame["type"] == "bye":
            self._retry_ms, self._bye_at = frame["retry_ms"], time.monotonic()
        await super()._took(frame, gap=gap)


@dataclass
class Seen:
    """What readers and the one who asks got."""

    began: float = field(default_factory=time.monotonic)
    pages: list[tuple[float, int]] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    longest_wait: float = 0.0

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


async def read_pages(browser: Browser, seen: Seen) -> None:
    """One page after another, over connections that are kept."""
    async with browser.http() as http:
        while True:
            try:
                status = (await http.get("/chat/")).status_code
            except httpx.HTTPError:
                status = 0
            seen.pages.append((seen.now, status))
            await asyncio.sleep(PAGE_EVERY_SECONDS)


async def keep_asking(browser: Browser, seen: Seen) -> None:
    """A message, its whole answer, the next message: in one tab, whatever is restarted meanwhile."""
    posted = await browser.ask("Hello [offline: pace=5]")
    async with Tab(browser, posted["thread_id"]).open() as tab:
        await tab.until(lambda: tab.status(posted["reply_id"]) in FINISHED, seconds=ANSWER_SECONDS)
        while True:
            await asyncio.sleep(ASK_EVERY_SECONDS)
            began, seen.asked = seen.now, seen.asked + 1
            client_id = await tab.post(f"Count to {random.randint(3, 30)} [offline: pace=5]")  # noqa: S311
            await tab.until(lambda sent=client_id: sent in tab.said, seconds=ANSWER_SECONDS)
            if tab.said[client_id]["type"] != "ack":
                raise RuntimeError(f"refused: {tab.said[client_id]}")
            await tab.until(lambda before=seen.asked: finished(tab) > before, seconds=ANSWER_SECONDS)
            seen.answered += 1
            seen.longest_wait = max(seen.longest_wait, seen.now - began)


def finished(tab: Tab) -> int:
    """How many answers have ended in the tab, all of them normally."""
    answers = [one for one in tab.store.messages if one["role"] == "assistant"]
    if bad := [one["status"] for one in answers if one["status"] not in ("streaming", "queued", "final")]:
        raise RuntimeError(f"answers ended as {bad}")
    return sum(one["status"] == "final" for one in answers)


async def stopped_in_both_tabs(browser: Browser) -> str:
    """One tab presses Stop, the other one sees it; both lose their connection and come back. How the answer ended."""
    posted = await browser.ask("Count to 500 [offline: pace=50]")
    answer = posted["reply_id"]
    async with Tab(browser, posted["thread_id"]).open() as one, Tab(browser, posted["thread_id"]).open() as other:
        await asyncio.gather(one.until_text(answer, 20), other.until_text(answer, 20))
        await one.disconnect()
        await one.until(lambda: one.connections > 1)
        await other.stop(answer)
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.status(answer) == "stopped") for tab in (one, other)))
    row = (await browser.stored(posted["thread_id"]))[-1]
    if not one.text(answer) == other.text(answer) == row["content"]:
        raise RuntimeError("tabs and row differ")
    return str(row["status"])


def figures(tabs: list[Tab], seen: Seen) -> dict[str, object]:
    """The counts."""
    gaps = sorted(gap for tab in tabs for gap in tab.gaps)
    codes = Counter(code for tab in tabs for code in tab.codes)
    bad = [at for at, status in seen.pages if status != OK]
    return {
        "pages": dict(Counter(status for _, status in seen.pages)),
        "seconds_with_failed_pages": len({int(at) for at in bad}),
        "closes": {code: count for code, count in codes.items() if code >= FIRST_CLOSE_CODE},
        "refused_handshakes": {code: count for code, count in codes.items() if code < FIRST_CLOSE_CODE},
        "frames_checked": sum(len(tab.frames) for tab in tabs),
        "answers_shortened": sum(tab.shrunk for tab in tabs),
        "short_questions": {
            "asked": seen.asked,
            "answered": seen.answered,
            "longest_wait_seconds": round(seen.longest_wait, 1),
        },
        "seconds_without_a_connection": {
            "p50": round(gaps[len(gaps) // 2], 2),
            "p99": round(gaps[int(len(gaps) * 0.99)], 2),
            "longest": round(gaps[-1], 2),
        }
        if gaps
        else {},
    }
