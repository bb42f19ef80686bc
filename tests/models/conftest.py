"""llama.cpp with SmolLM2, loaded once, and a site whose only model it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chat import database
from chat.devservices.local_model.launch import local_model_server
from chat.settings import Settings
from tests.support.real_model import CONTEXT_TOKENS, RealModel
from tests.support.site import Site, serving
from tests.support.stores import Stores

# One slot: a prompt that was read stays in it for the next test.
REPEATABLE = ("--seed", "1", "--temperature", "0", "--repeat-penalty", "1", "--threads", "1", "--slots", "1")
TEMPLATE = Path(__file__).with_name("tools.jinja")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    arguments = (*REPEATABLE, "--context", str(CONTEXT_TOKENS), "--template", str(TEMPLATE), "--show-slots")
    with local_model_server(*arguments, log=tmp_path_factory.mktemp("model") / "log") as server:
        yield RealModel(server.base_url, server.api_key)


@pytest.fixture(scope="session")
def environment(stores: Stores, model: RealModel) -> dict[str, str]:
    return {
        "DEBUG": "True",
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnop",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        **model.variables(),
        "LLM_MAX_OUTPUT_TOKENS": "40",
        "CHAT_HISTORY_TOKENS": "200000",  # more than the model can read
        "RATE_LIMITS": "off",
        "EMAIL_VERIFICATION_REQUIRED": "False",
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture(scope="session")
async def site(environment: dict[str, str]) -> AsyncIterator[Site]:
    await database.migrate(Settings.from_environment(environment))
    async with serving(environment) as site:
        yield site
