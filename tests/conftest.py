"""Fixtures of all tests: PostgreSQL, Valkey, the offline model and a mail server, served sites, and the cast."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from chat import database
from chat.devservices import embedded_postgres, embedded_valkey
from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from chat.models import User
from chat.settings import Settings
from tests.support import environment as surroundings
from tests.support import patches
from tests.support.cast import Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.production import PRODUCTION, Production
from tests.support.site import Beside, Site, serving, serving_beside
from tests.support.stores import Stores
from tests.support.waiting import LONG_SECONDS

surroundings.clean(os.environ)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the tests: there is none while they are collected, and they stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Don't mistake a machine that stalls for some seconds for an outage or a long lock."""
    with pytest.MonkeyPatch.context() as patch:
        for seconds in patches.STORE_TIMEOUTS:
            seconds.replace(patch, LONG_SECONDS)
        patches.SESSION_SETTINGS.replace(patch, patches.SESSION_SETTINGS.value | {"lock_timeout": "15s"})
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash in a tenth of a millisecond in this process, where thousands sign up, instead of in 28 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patches.PASSWORDS_DEFAULTS.replace(patch, (CHEAP,))
        yield


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    with (
        embedded_postgres(folder / "postgres", durable=False) as database_url,
        embedded_valkey(folder / "valkey", durable=False) as redis_url,
    ):
        yield Stores(database_url, redis_url)


@pytest.fixture(scope="session")
async def model(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OfflineServer]:
    log = tmp_path_factory.mktemp("model") / "log"
    with offline_model_server("--pace-ms", "1", log=Path(log)) as url:
        server = OfflineServer(url)
        yield server
        await server.http.aclose()


@pytest.fixture(scope="session")
def environment(stores: Stores, model: OfflineServer) -> dict[str, str]:
    """The settings of the site that most tests share."""
    return {
        "DEBUG": "True",
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnop",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model.base_url,
        "LLM_PRICES": LLM_PRICES,
        "LLM_TITLES": "off",  # another call after each first answer: tests of titles turn it on
        "RATE_LIMITS": "off",
        "CHAT_HISTORY_TOKENS": "200000",  # the longest message fits, in any script
        "EMAIL_VERIFICATION_REQUIRED": "False",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "text",
    }


@pytest.fixture(scope="session")
async def migrated(environment: dict[str, str]) -> None:
    """A database at the newest migration."""
    await database.migrate(Settings.from_environment(environment))


@pytest.fixture(scope="session")
async def site(environment: dict[str, str], migrated: None) -> AsyncIterator[Site]:
    """The site, served by hypercorn on a real port."""
    async with serving(environment) as site:
        yield site


@pytest.fixture(scope="session")
def beside(site: Site, environment: dict[str, str]) -> Beside:
    """Serve another site on the same stores, with additional settings."""

    def serve(**more: str) -> AbstractAsyncContextManager[Site]:
        return serving_beside({**environment, **more})

    return serve


@pytest.fixture(scope="session")
async def mailbox() -> AsyncIterator[Mailbox]:
    """A real mail server for the production site's emails."""
    async with Mailbox.listening() as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
async def production(
    beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[Production]:
    """All settings that production requires, with one trusted proxy, and a mail server."""
    settings = PRODUCTION | {
        "DEBUG": "False",
        "RATE_LIMITS": "on",
        "TRUSTED_PROXIES": "1",
        "EMAIL_VERIFICATION_REQUIRED": "True",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "OPENAI_BASE_URL": model.base_url,
        "SMTP_HOST": mailbox.host,
        "SMTP_PORT": str(mailbox.port),
        "SMTP_TLS": "none",
    }
    async with beside(**settings) as site:
        yield Production(site)


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Person]:
    """The user whose data a test is about."""
    async with Person.signed_up(site, "alice") as person:
        yield person


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Person]:
    """Another user."""
    async with Person.signed_up(site, "bob") as person:
        yield person


@pytest.fixture
async def root(site: Site) -> AsyncIterator[Person]:
    """An administrator."""
    async with Person.signed_up(site, "root") as person:
        await User.filter(email=person.email).update(is_staff=True)
        yield person


@pytest.fixture
async def nobody(site: Site) -> AsyncIterator[Person]:
    """A visitor without an account."""
    async with Person.visiting(site) as person:
        yield person
