"""The offline model as a real server, and the provider that talks to it."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from chat.llm.client import LLMClient
from chat.llm.provider.adapting import Memory
from chat.llm.provider.breaker import Breaker
from chat.llm.provider.provider import Provider, ProviderLimits
from tests.support import patches
from tests.support.llm import PRICES, MemoryJournal
from tests.support.offline import OfflineServer, start_offline_model

HASTE = ProviderLimits(silence_seconds=4)  # longer than a busy machine stalls


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
    """A provider with a short limit for silence."""
    provider = Provider(api_key="test", base_url=offline_url, limits=HASTE)
    yield provider
    await provider.close()


@pytest.fixture(scope="session")
def session_journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def journal(session_journal: MemoryJournal) -> MemoryJournal:
    """The journal of the session's client, emptied."""
    session_journal.__init__()  # type: ignore[misc]
    return session_journal


@pytest.fixture(scope="session")
async def session_llm(offline_url: str, session_journal: MemoryJournal) -> AsyncIterator[LLMClient]:
    async with LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=session_journal) as llm:
        yield llm


@pytest.fixture
async def llm(session_llm: LLMClient, journal: MemoryJournal) -> LLMClient:
    """A client that writes to `journal` and remembers no refusals and failures.

    It is made once, since that loads certificates.
    """
    for provider in session_llm._providers.values():
        provider.memory = Memory()
        provider.breaker = Breaker("offline")
    return session_llm


@pytest.fixture
async def hasty_llm(offline_url: str, journal: MemoryJournal) -> AsyncIterator[LLMClient]:
    """A client with a short limit for silence."""
    async with LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=journal, limits=HASTE) as llm:
        yield llm


@pytest.fixture(scope="module")
def plain_url() -> Iterator[str]:
    """A minimal compatible server."""
    process, url = start_offline_model("--pace-ms", "0", "--plain")
    yield url
    process.kill()
    process.communicate()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual retries, without pauses."""
    shorter = {code: (0.001,) * len(pauses) for code, pauses in patches.PAUSES.value.items()}
    patches.PAUSES.replace(monkeypatch, shorter)


@pytest.fixture
def generation_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture
async def nothing_is_left(offline: OfflineServer) -> AsyncIterator[None]:
    """After a test: no task of the client and no open stream."""
    yield
    assert await offline.open(until=0) == 0
    assert tasks_of_the_client() == []


def tasks_of_the_client() -> list[str]:
    """Only tasks that run the client's code: a site opened by other tests in this process has tasks too."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    codes = [one.cr_code for one in coroutines if inspect.iscoroutine(one)]
    return [code.co_qualname for code in codes if "chat/llm/" in code.co_filename]
