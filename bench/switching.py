"""What it takes to show another chat: `python bench/switching.py [--chats 5] [--messages 50] [--moves 200]`.

In turn, a chat is opened by a page load and by a move, in Chromium, on a desktop and on a slow phone (a fourth of the
processor, 100 ms, 8 Mbit/s): milliseconds until its messages are on the page and its socket is connected. Then as many
moves follow as asked for, two of the chats with running answers, with what the browser holds after each quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import secrets
import shutil
import statistics
import sys
from contextlib import ExitStack
from uuid import UUID, uuid4

import asyncpg
import httpx
from playwright.async_api import Browser, CDPSession, Page, ViewportSize, WebSocket, async_playwright
from processes import CHAT, PROJECT, process

sys.path.insert(0, str(PROJECT))

from stores import stores

from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from tests.support.ports import free_port

EMAIL, PASSWORD = "reader@example.com", "a-good-long-passphrase-7"
TITLES = ["Eggs", "Tea", "Rice", "Soup", "Bread", "Salt", "Oil", "Jam"]
PARAGRAPH = (
    "A paragraph with **bold** words, `code` and a list below it, as models write them; number {}.\n\n- one\n- two\n\n"
)
LONG_ANSWER = "say " + "a word and another " * 1_500 + "[offline: pace=0.05]"
INSERT = """
WITH rows AS (
    INSERT INTO chat_message (id, thread_id, number, role, status, content, error, created_at)
    SELECT gen_random_uuid(), $1, n, CASE WHEN n % 2 = 1 THEN 'user' ELSE 'assistant' END, 'final',
        $2 || n || '. ' || $3, '', now()
    FROM generate_series(3, $4::int) n RETURNING id
) SELECT count(*) FROM rows
"""
PARENTS = """
UPDATE chat_message m SET parent_id = before.id
FROM (SELECT id AS after, lag(id) OVER (ORDER BY number) AS id FROM chat_message WHERE thread_id = $1) before
WHERE m.id = before.after
"""
HEAD = """
UPDATE chat_thread SET message_count = $2, title = $3, title_by = 'user', rev = rev + 1,
    head_id = (SELECT id FROM chat_message WHERE thread_id = $1 ORDER BY number DESC LIMIT 1) WHERE id = $1
"""
# Until the chat is there: its messages, the last of them rendered, and its socket.
SHOWN = """
    (title) => document.title.includes(title)
      && document.querySelector("#chat-messages article")?.textContent.includes(title)
      && document.querySelector("#chat-messages article:last-child [data-shown]")
      && !document.querySelector("[data-opening]")
      && document.getElementById("connection-status").dataset.phase === "connected"
"""
MOVE = """
    ([id, title]) => new Promise((resolve) => {
      const isShown = SHOWN;
      const painted = () => requestAnimationFrame(() => resolve(performance.now() - began));
      const look = () => (isShown(title) ? painted() : setTimeout(look, 1));
      const began = performance.now();
      document.querySelector(`#thread-list a[href="/chat/${id}/"]`).click();
      look();
    })
""".replace("SHOWN", SHOWN)
METRICS = ("JSHeapUsedSize", "JSEventListeners", "Nodes", "Documents")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


async def chats_of(url: str, database_url: str, count: int, messages: int) -> tuple[list[str], str]:
    """Chats with this number of messages; returns their ids and the cookies."""
    headers = {"Origin": url, "Accept": "application/json"}
    transport = httpx.AsyncHTTPTransport(retries=8)  # it has just been started
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, transport=transport) as http:
        fields = {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD}
        signed_up = await http.post("/accounts/signup/", data=fields)
        if signed_up.is_error:
            raise SystemExit(signed_up.text)
        rows = await asyncpg.connect(database_url)
        ids = []
        for title in TITLES[:count]:
            posted = await http.post("/chat/", data={"message": f"say {title}", "client_id": str(uuid4())})
            ids.append(posted.json()["thread_id"])
            while await rows.fetchval("SELECT count(*) FROM generation WHERE state = 'running'"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # another process writes the answer
            text = "".join(PARAGRAPH.format(number) for number in range(25))
            await rows.fetchval(INSERT, UUID(ids[-1]), f"{title} ", text, messages)
            await rows.execute(PARENTS, UUID(ids[-1]))
            await rows.execute(HEAD, UUID(ids[-1]), messages, title)
        await rows.close()
        return ids, "; ".join(f"{name}={value}" for name, value in http.cookies.items())


async def page_of(browser: Browser, url: str, cookies: str, *, phone: bool) -> tuple[Page, CDPSession]:
    """A page in a browser of its own."""
    size = ViewportSize(width=390, height=844) if phone else ViewportSize(width=1280, height=800)
    context = await browser.new_context(viewport=size, base_url=url, is_mobile=phone, has_touch=phone)
    pairs = (cookie.split("=", 1) for cookie in cookies.split("; "))
    await context.add_cookies([{"name": name, "value": value, "url": url} for name, value in pairs])
    page = await context.new_page()
    debugger = await context.new_cdp_session(page)
    if phone:
        await debugger.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        await debugger.send("Network.enable")
        slow = {"offline": False, "latency": 100, "downloadThroughput": 1_000_000, "uploadThroughput": 500_000}
        await debugger.send("Network.emulateNetworkConditions", slow)
    return page, debugger


async def loaded(page: Page, chat: tuple[str, str]) -> float:
    """Milliseconds of a page load, whose files are in the browser's cache."""
    await page.goto(f"/chat/{chat[0]}/", wait_until="commit")
    await page.wait_for_function(SHOWN, arg=chat[1], polling=5)
    milliseconds: float = await page.evaluate("performance.now()")
    return milliseconds


async def moved(page: Page, chat: tuple[str, str]) -> float:
    """Milliseconds of a move."""
    milliseconds: float = await page.evaluate(MOVE, list(chat))
    return milliseconds


async def compare(page: Page, chats: list[tuple[str, str]], rounds: int) -> None:
    """Both ways in turn."""
    loads, moves = [], []
    await loaded(page, chats[0])
    await moved(page, chats[1])  # loads moving.js
    for number in range(rounds):
        loads.append(await loaded(page, chats[number % 2]))
        moves.append(await moved(page, chats[2 + number % 2]))
        await asyncio.sleep(1)  # the rest is rendered while the browser is idle
    for name, times in (("load", loads), ("move", moves)):
        say(f"  {name}: median {statistics.median(times):.0f} ms, {min(times):.0f} to {max(times):.0f} ms")


async def held(debugger: CDPSession) -> str:
    """What the browser holds, after a garbage collection."""
    await debugger.send("HeapProfiler.collectGarbage")
    answer = await debugger.send("Performance.getMetrics")
    found = {one["name"]: one["value"] for one in answer["metrics"]}
    return ", ".join(f"{name} {found[name]:,.0f}" for name in METRICS)


async def many_moves(page: Page, debugger: CDPSession, chats: list[tuple[str, str]], moves: int) -> None:
    """With what is held after each quarter."""
    sockets: list[WebSocket] = []

    def opened(socket: WebSocket) -> None:
        sockets.append(socket)

    page.on("websocket", opened)
    await debugger.send("Performance.enable")
    await loaded(page, chats[0])
    for number in range(1, moves + 1):
        await moved(page, chats[number % len(chats)])
        if number in (len(chats) * 2, *(moves * quarter // 4 for quarter in (1, 2, 3, 4))):
            await asyncio.sleep(2)  # what is left of the moves before is over
            still = sum(not socket.is_closed() for socket in sockets)
            say(f"  after {number} moves: {await held(debugger)}, sockets {still} of {len(sockets)}")


async def run(url: str, database_url: str, options: argparse.Namespace) -> None:
    """Everything, in one run."""
    ids, cookies = await chats_of(url, database_url, options.chats, options.messages)
    chats = list(zip(ids, TITLES, strict=False))
    async with async_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for phone in (False, True):
            page, _ = await page_of(browser, url, cookies, phone=phone)
            say("A phone:" if phone else "A desktop:")
            await compare(page, chats, options.rounds)
            await page.context.close()
        headers = {"Origin": url, "Accept": "application/json", "Cookie": cookies}
        async with httpx.AsyncClient(base_url=url, headers=headers) as http:
            for thread_id in ids[1::2][:2]:
                asked = {"message": LONG_ANSWER, "client_id": str(uuid4())}
                (await http.post(f"/chat/{thread_id}/", data=asked)).raise_for_status()
        page, debugger = await page_of(browser, url, cookies, phone=False)
        say(f"{options.moves} moves between {len(chats)} chats:")
        await many_moves(page, debugger, chats, options.moves)
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/switching.py", description=__doc__)
    for name, value in (("chats", 5), ("messages", 50), ("rounds", 8), ("moves", 200)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    port = free_port()
    with ExitStack() as stack:
        folder, environment = stack.enter_context(stores())
        environment |= {
            "RATE_LIMITS": "off",
            "SIGNUP": "open",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "OPENAI_BASE_URL": stack.enter_context(offline_model_server(log=folder / "model.log")),
            "LLM_PRICES": LLM_PRICES,
            "LLM_TITLES": "off",
            "EMAIL_VERIFICATION_REQUIRED": "False",
        }
        with process("-c", CHAT, "migrate", **environment) as migrating:
            migrating.wait()
        stack.enter_context(process("-c", CHAT, "serve", **environment))
        say(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        asyncio.run(run(environment["PUBLIC_URL"], environment["DATABASE_URL"], options))


if __name__ == "__main__":
    main()
