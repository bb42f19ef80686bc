"""The offline model as a real server, and the provider that talks to it."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat.llm.call import CallEvent, CallFinished
from chat.llm.client import LLMClient
from chat.llm.events import Event, TextDelta
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.provider import retries
from chat.llm.provider.provider import ModelRequest, Provider, ProviderLimits

PROJECT = Path(__file__).parents[2]
HASTE = ProviderLimits(silence_seconds=4)  # more than a machine stands still for


class OfflineServer:
    """A running offline model, its books, and requests that are told apart by a generation id."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.root = base_url.removesuffix("/v1")
        self.http = httpx.AsyncClient(base_url=self.root, headers={"authorization": "Bearer test"}, timeout=20)

    async def creates(self, generation_id: str) -> int:
        return (await self.http.get("/control/creates", params={"generation_id": generation_id})).json()["creates"]

    async def open(self, *, until: int) -> int:
        return (await self.http.get("/control/open", params={"until": until})).json()["open"]

    async def billed(self, generation_id: str) -> list[dict[str, Any]]:
        bill = (await self.http.get("/control/bill", params={"generation_id": generation_id})).json()
        return list(bill["responses"].values())


def start_offline_model(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start one, and read from its only line where it listens."""
    command = [sys.executable, "-m", "chat.devservices.offline_model", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdout is not None
    return process, process.stdout.readline().rpartition(" ")[2].strip()


@pytest.fixture(scope="session")
def offline_url() -> Iterator[str]:
    process, url = start_offline_model("--pace-ms", "0")
    yield url
    process.kill()
    process.communicate()


@pytest.fixture(scope="session")
async def offline(offline_url: str) -> AsyncIterator[OfflineServer]:
    server = OfflineServer(offline_url)
    yield server
    await server.http.aclose()


@pytest.fixture(scope="session")
async def provider(offline_url: str) -> AsyncIterator[Provider]:
    provider = Provider(api_key="test", base_url=offline_url)
    await provider.warm_up()
    yield provider
    await provider.close()


@pytest.fixture(scope="session")
async def hasty_provider(offline_url: str) -> AsyncIterator[Provider]:
    """For silence, which it does not stand for long."""
    provider = Provider(api_key="test", base_url=offline_url, limits=HASTE)
    yield provider
    await provider.close()


PRICES = Prices((("gpt-5-mini", (Decimal("0.25"), Decimal("0.025"), Decimal(2))),))


class Books:
    """A journal in memory; an exception in `refusing` is raised where it says."""

    def __init__(self) -> None:
        self.planned: list[Plan] = []
        self.created_ids: list[str] = []
        self.logs: list[CallLog] = []
        self.refusing: dict[str, Exception] = {}

    @property
    def log(self) -> CallLog:
        """The only one."""
        [log] = self.logs
        return log

    async def begin(self, plan: Plan) -> None:
        self._refuse("begin")
        self.planned.append(plan)

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        self.created_ids.append(response_id)
        self._refuse("created")

    async def end(self, log: CallLog) -> None:
        self.logs.append(log)
        self._refuse("end")

    def _refuse(self, where: str) -> None:
        if where in self.refusing:
            raise self.refusing[where]


@pytest.fixture(scope="session")
def all_books() -> Books:
    return Books()


@pytest.fixture
def books(all_books: Books) -> Books:
    """Empty ones."""
    all_books.__init__()  # type: ignore[misc]
    return all_books


@pytest.fixture(scope="session")
async def session_llm(offline_url: str, all_books: Books) -> AsyncIterator[LLMClient]:
    async with LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=all_books) as llm:
        yield llm


@pytest.fixture
async def llm(session_llm: LLMClient, books: Books) -> LLMClient:
    """A client whose calls are in `books`. It is made once: each one loads the system's certificates."""
    return session_llm


@pytest.fixture
async def hasty_llm(offline_url: str, books: Books) -> AsyncIterator[LLMClient]:
    """One that does not stand silence for long."""
    async with LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=books, limits=HASTE) as llm:
        yield llm


@pytest.fixture(scope="module")
def plain_url() -> Iterator[str]:
    """A server that is merely compatible."""
    process, url = start_offline_model("--pace-ms", "0", "--plain")
    yield url
    process.kill()
    process.communicate()


@asynccontextmanager
async def replaying(*events: str) -> AsyncIterator[str]:
    """The address of a server that answers everything by these events."""
    body = "".join(f"data: {event}\n\n" for event in events).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries as ever, without the pauses."""
    shorter = {code: (0.001,) * len(pauses) for code, pauses in retries.PAUSES.items()}
    monkeypatch.setattr(retries, "PAUSES", shorter)


@pytest.fixture
def generation_id() -> str:
    return str(uuid.uuid4())


def asking(text: str, generation_id: str = "", **fields: Any) -> ModelRequest:
    """A request with one message of a user."""
    defaults: dict[str, Any] = {
        "model": "offline",
        "input": ({"role": "user", "content": text},),
        "max_output_tokens": 4096,
        "metadata": {"generation_id": generation_id} if generation_id else {},
    }
    return ModelRequest(**{**defaults, **fields})


async def events_of(provider: Provider, request: ModelRequest) -> list[Event]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


async def call_events(llm: LLMClient, said: Any, **options: Any) -> list[CallEvent]:
    """All events of a call that goes well."""
    async with aclosing(llm.stream(said, **options)) as events:
        return [event async for event in events]


def result_of(events: list[CallEvent]) -> Any:
    """The result, which is the last event and only there."""
    assert [isinstance(event, CallFinished) for event in events].count(True) == 1
    assert isinstance(events[-1], CallFinished)
    return events[-1].result


async def sent_requests(offline: OfflineServer, generation_id: str) -> list[dict[str, Any]]:
    bodies = (await offline.http.get("/control/requests")).json()["requests"]
    return [body for body in bodies if body.get("metadata", {}).get("generation_id") == generation_id]


@pytest.fixture
async def nothing_is_left(offline: OfflineServer) -> AsyncIterator[None]:
    """No task and no open stream, whatever a test did."""
    yield
    assert await offline.open(until=0) == 0
    assert tasks_of_the_client() == []


def tasks_of_the_client() -> list[str]:
    """Those that run code of the client: a site that other tests have opened in this process has tasks too."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    codes = [one.cr_code for one in coroutines if inspect.iscoroutine(one)]
    return [code.co_qualname for code in codes if "chat/llm/" in code.co_filename]


def text_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
