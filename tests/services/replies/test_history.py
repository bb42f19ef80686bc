"""How much of a conversation a model is shown: by the settings, and by a small context."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat import tools
from chat.llm.catalogue import Catalogue
from chat.services.replies.history import Allowance, allowance
from chat.settings import Settings

TOOLS = tools.load()
SETTINGS = Settings(openai_base_url="http://localhost/v1")


async def allowed(context: int | None, settings: Settings = SETTINGS, **more: object) -> Allowance:
    model = replace(Catalogue.single(base_url="http://localhost/v1").default, context=context, **more)  # type: ignore[arg-type]
    return await allowance(model, settings, TOOLS)


async def test_an_unknown_context_allows_what_the_settings_say() -> None:
    assert await allowed(None) == Allowance(20_000, 8192, True)
    assert await allowed(None, max_output=1000, tools=False) == Allowance(20_000, 1000, False)


@pytest.mark.parametrize("context", [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 1_000_000])
async def test_history_and_answer_fit_any_context_beside_instructions_and_tools(context: int) -> None:
    allowance = await allowed(context)

    assert context // 4 <= min(allowance.history, 20_000) or allowance.history == 20_000
    assert allowance.history + context // 4 < context
    assert allowance.tools == (context >= 2048)


async def test_a_larger_history_is_never_shown_than_the_settings_allow() -> None:
    assert (await allowed(8192, replace(SETTINGS, chat_history_tokens=500))).history == 500
    assert (await allowed(1_000_000, replace(SETTINGS, chat_history_tokens=2_000_000))).history < 900_000


async def test_without_tools_more_of_the_conversation_fits() -> None:
    assert (await allowed(2048, tools=False)).history > (await allowed(2048)).history + 300
