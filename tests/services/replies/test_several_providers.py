"""Two providers with a model of the same id: each name leads to its own server, and a removed one to the default."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.models import ChatThread, Generation, LLMCallLog, User, UserMonthlyUsage, UserSettings
from tests.support.cast import Person
from tests.support.offline import OfflineServer, start_offline_model
from tests.support.page import Page
from tests.support.replies import answered, ended
from tests.support.site import Beside, Site
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def second() -> AsyncIterator[OfflineServer]:
    process, url = start_offline_model("--pace-ms", "0")
    server = OfflineServer(url)
    yield server
    await server.http.aclose()
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
async def both(beside: Beside, model: OfflineServer, second: OfflineServer) -> AsyncIterator[Site]:
    models = f"""
        default_model = "first/same"
        [[provider]]
        name = "first"
        base_url = "{model.base_url}"
        [[provider]]
        name = "second"
        base_url = "{second.base_url}"
        [[model]]
        id = "same"
        provider = "first"
        label = "First"
        price = "1/2"
        [[model]]
        id = "same"
        provider = "second"
        label = "Second"
        price = "10/20"
    """
    async with beside(OPENAI_BASE_URL="", MODELS_TOML=models, LLM_MONTHLY_BUDGET="5") as site:
        yield site


@pytest.fixture
async def carol(both: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(both, "carol") as person:
        yield person


async def ask(person: Person, text: str, model: str, thread_id: str = "") -> dict[str, Any]:
    fields = {"message": text, "client_id": str(uuid.uuid4()), "model": model}
    path = f"/chat/{thread_id}/" if thread_id else "/chat/"
    response = await person.http.post(path, data=fields, headers={"Accept": "application/json"})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_each_name_leads_to_its_own_server_and_price(
    carol: Person, model: OfflineServer, second: OfflineServer
) -> None:
    servers = {"first/same": (model, 1), "second/same": (second, 10)}
    spent = 0
    for name in ("first/same", "second/same", "first/same"):
        posted = await ask(carol, "say Hello, world", name)
        assert (await ended(posted["reply_id"])).content == "Hello, world"
        generation = await Generation.get(answer_id=posted["reply_id"])
        row = await LLMCallLog.get(generation_id=generation.id)
        created = {one: await server.creates(str(generation.id)) for one, (server, _) in servers.items()}
        factor = servers[name][1]
        spent += factor * (row.input_tokens + 2 * row.output_tokens)

        assert created == {one: int(one == name) for one in servers}
        assert (row.model_asked, row.model, row.provider) == (name, "same", name.split("/")[0])
        assert row.cost is not None
        assert row.cost * 1_000_000 == factor * (row.input_tokens + 2 * row.output_tokens)

    assert (await UserMonthlyUsage.get(user__email=carol.email)).cost * 1_000_000 == spent
    usage = (await carol.http.get("/usage/")).text
    assert "first/same" in usage
    assert "second/same" in usage


async def test_chats_and_settings_with_a_removed_model_continue_with_the_default(carol: Person) -> None:
    posted = await ask(carol, "say one", "second/same")
    await ended(posted["reply_id"])
    await ChatThread.filter(id=posted["thread_id"]).update(model="removed/model")
    user = await User.get(email=carol.email)
    await UserSettings.filter(user_id=user.id).update(model="removed/model")

    message, generation, _ = await answered(carol, "say two", posted["thread_id"])
    opened, _, _ = await answered(carol, "say three")
    row = await LLMCallLog.get(generation_id=generation.id)

    assert (message["content"], opened["content"]) == ("two", "three")
    assert (generation.model, row.model_asked, row.provider) == ("first/same", "first/same", "first")
    page = await carol.http.get(f"/chat/{posted['thread_id']}/")
    assert "removed/model is no longer available. First answers instead." in Page(page.text).text


async def test_an_answer_that_was_queued_for_a_removed_model_is_given_by_the_default(both: Site, carol: Person) -> None:
    _, generation, _ = await answered(carol, "say Hello")
    await LLMCallLog.filter(generation_id=generation.id).delete()
    queued = {"state": "queued", "model": "removed/model", "request_at": None, "finished_at": None, "response_id": None}
    await Generation.filter(id=generation.id).update(**queued, owner=None, lease_until=None)
    both.resources.worker.start(generation.id)
    row = await eventually(LLMCallLog.filter(generation_id=generation.id).first)

    assert (row.status, row.model_asked, row.provider) == ("completed", "first/same", "first")
