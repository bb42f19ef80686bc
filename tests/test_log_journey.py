"""The log of a real process over a whole journey: every line is JSON, and none has a text, an address or a secret."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.faults import launch
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.site import Site
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(150)
CANARY = "canary9d21"
PASSWORD = f"{CANARY}-Passphrase-77"
EMAIL = f"{CANARY}@example.com"
SECRETS = (CANARY, CANARY.upper(), "only-for-tests", "sk-secret-of-the-model")


class Served:
    """`chat serve` in a process of its own."""

    def __init__(self, process: Program, url: str) -> None:
        self.process, self.url = process, url

    async def listens(self) -> bool:
        """Whether it accepts connections."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        except OSError:
            return False
        writer.close()
        return True

    @property
    def records(self) -> list[dict[str, Any]]:
        """Its log; a line that is no JSON fails the test."""
        return [json.loads(line) for line in self.process.errors.splitlines()]

    def of(self, message: str, **fields: Any) -> list[dict[str, Any]]:
        """The records with this message and these fields."""
        return [one for one in self.records if one["message"] == message and fields.items() <= one.items()]


@pytest.fixture
async def served(
    environment: dict[str, str], migrated: None, mailbox: Mailbox, tmp_path: Path
) -> AsyncIterator[Served]:
    """A server that logs JSON because its stderr is a file."""
    port = free_port()
    settings = environment | {
        "PATH": os.environ["PATH"], "FAULTS": "respawn_never", "PORT": str(port), "LOG_LEVEL": "INFO", "LOG_FORMAT": "",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "EMAIL_VERIFICATION_REQUIRED": "True", "EMAIL_BACKEND": "smtp", "SMTP_HOST": mailbox.host,
        "SMTP_PORT": str(mailbox.port), "SMTP_TLS": "none", "DEFAULT_FROM_EMAIL": "Chat <noreply@example.com>",
        "OPENAI_API_KEY": "sk-secret-of-the-model", "LLM_TITLES": "on", "DRAIN_SECONDS": "1", "LLM_PRICES": "x=1/1",
    }  # fmt: skip
    process = Program(
        launch.main,
        "serve",
        environment=settings,
        folder=tmp_path,
        output=tmp_path / "output",
        errors=tmp_path / "errors",
    )
    found = Served(process, f"http://127.0.0.1:{port}")
    await eventually(found.listens, seconds=60)
    yield found
    process.send_signal(signal.SIGKILL)
    await process.end()


async def test_a_journey_is_told_in_json_without_texts_addresses_and_secrets(
    served: Served, mailbox: Mailbox, site: Site
) -> None:
    async with new_client(base_url=served.url, headers={"Origin": served.url}, timeout=20) as http:
        alice = Person(Site(site.app, served.url), http, EMAIL)
        answer_id = await journey(alice, mailbox)
        thread = (await alice.ask(f"{CANARY} [offline: pace=400] say 1 2 3 4 5 6 7 8 9"))["thread_id"]
        async with alice.tab(thread) as tab:
            await tab.until_type("response.started", "thread.snapshot")
            served.process.send_signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed):
                await tab.until_type("never")
    assert await served.process.end() == 0

    text = served.process.errors
    assert not [secret for secret in SECRETS if secret in text], [
        line for line in text.splitlines() if any(secret in line for secret in SECRETS)
    ]
    assert not re.search(r"\w@[\w.]+\.[a-z]{2,}", json.dumps(served.records, ensure_ascii=False)), "it may be shortened"
    assert {"time", "level", "logger", "message", "worker"} <= set.intersection(*map(set, served.records))
    check_lines(served, answer_id, thread)


async def journey(alice: Person, mailbox: Mailbox) -> str:
    """Sign-up, messages, a tool, errors, and pages whose address is a secret. Returns the first answer."""
    await alice.sign_up(EMAIL, PASSWORD)
    link = await mailbox.next_link(EMAIL)
    await alice.http.post(link, data={"password": PASSWORD})
    await alice.log_in(EMAIL, PASSWORD)
    await alice.log_in(EMAIL, PASSWORD + CANARY)
    await alice.log_in(EMAIL, PASSWORD)
    posted = await alice.ask(f"Say {CANARY}")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        for text in (f"What time is it in {CANARY}?", f"{CANARY} [offline: error=3]", f"{CANARY} think"):
            await tab.until_finished((await tab.say(text))["reply_id"])
        await tab.send({"type": CANARY, "content": CANARY})
    await alice.http.post(f"/chat/{posted['thread_id']}/title/", data={"title": CANARY})
    await alice.http.post("/accounts/password_reset/", data={"email": EMAIL})
    await alice.http.get(await mailbox.next_link(EMAIL))
    for path in (f"/accounts/reset/{CANARY}/", f"/nothing/{CANARY}", f"/chat/?{CANARY}", f"/chat/{uuid.uuid4()}/"):
        await alice.http.get(path, headers={"User-Agent": CANARY, "Referer": f"http://x/{CANARY}"})
    await alice.post("x" * 40_000 + CANARY)
    return posted["reply_id"]


def check_lines(served: Served, answer_id: str, thread: str) -> None:
    """Each kind of line is there, with its ids."""
    [started] = served.of("Starting")
    assert started["version"] and started["listening"].startswith("127.0.0.1:") and started["models"]
    ended = served.of("Answer ended")
    assert {one["end"] for one in ended} >= {"final", "error"}
    first = ended[0]
    assert first["user"] and first["thread"] and first["generation"] and first["request"]
    assert first["output_tokens"] > 0 and 0 <= first["first_text_ms"] <= first["ms"] and first["rounds"] == 1
    assert [one["rounds"] for one in ended if one["rounds"] > 1], "a tool was called"
    last = served.of("Answer ended", thread=thread)[0]
    assert (last["end"], last["reason"]) == ("interrupted", "restart")
    [draining] = [one for one in served.records if one["message"].startswith("Draining")]
    [drained] = served.of("Drained")
    assert (draining["answers"], draining["tabs"]) == (1, 1)
    assert (drained["answers"], drained["tabs"]) == (0, 0)
    [left] = served.of("Answers did not end within the drain")
    assert (left["ended"], left["handed_over"]) == (1, 0)
    unpriced = [one for one in served.records if "price of the model" in one["message"]]
    assert len(unpriced) == 1
    assert served.of("Socket closed", by="server", code=1012)
