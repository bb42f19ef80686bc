"""A model with a small context works with the default settings, from the first message on and in a long chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.models import LLMCallLog
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.replies import answered
from tests.support.site import Beside, Site

CONTEXT = 2048
REFUSED_BEYOND = f"[offline: context={CONTEXT}]"  # in the last message: 400 if the input has more tokens


@pytest.fixture(scope="module")
async def small(beside: Beside, model: OfflineServer) -> AsyncIterator[Site]:
    models = f"""
        [[provider]]
        name = "local"
        base_url = "{model.base_url}"
        [[model]]
        id = "small"
        context = {CONTEXT}
        price = "0/0"
    """
    async with beside(OPENAI_BASE_URL="", MODELS_TOML=models, CHAT_HISTORY_TOKENS="20000", LLM_LOG_TEXT="on") as site:
        yield site


@pytest.fixture
async def carol(small: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(small, "carol") as person:
        yield person


async def sent_for(model: OfflineServer, generation_id: Any) -> list[dict[str, Any]]:
    bodies = (await model.http.get("/control/requests")).json()["requests"]
    return [body for body in bodies if body.get("metadata", {}).get("generation_id") == str(generation_id)]


async def test_every_answer_of_a_long_chat_fits(carol: Person, model: OfflineServer) -> None:
    thread_id = ""
    for number in range(8):
        message, generation, _ = await answered(carol, f"say {number} {'word ' * 280}{REFUSED_BEYOND}", thread_id or "")
        thread_id = str(generation.thread_id)
        [row] = await LLMCallLog.filter(generation_id=generation.id)
        [body] = await sent_for(model, generation.id)

        assert (message["status"], row.status, row.provider, row.model_asked) == (
            "final",
            "completed",
            "local",
            "local/small",
        )
        assert body["max_output_tokens"] >= CONTEXT // 4
        assert row.input_tokens + body["max_output_tokens"] <= CONTEXT
        assert body["tools"]


async def test_a_message_that_no_context_holds_is_refused_before_it_is_sent(carol: Person) -> None:
    response = await carol.post(" ".join(["word"] * 2000))

    assert response.status_code == 422
    assert "Your message has 2,000 tokens. The maximum is" in response.text


async def test_tools_and_their_results_fit_too(carol: Person, model: OfflineServer) -> None:
    message, generation, _ = await answered(carol, f"What is 12 * 7? {REFUSED_BEYOND}")
    limits = [body["max_output_tokens"] for body in await sent_for(model, generation.id)]

    assert "84" in str(message["content"])
    assert limits == sorted(limits, reverse=True)
    assert len(set(limits)) == 2
