"""`chat models`: what providers offer beside what is configured, and a models file made of both."""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from dataclasses import replace

import pytest

from chat.cli.models import models
from chat.llm.models_file import parse_models
from chat.settings import SettingsError
from tests.support.model_lists import LLAMA_CPP, OPENROUTER, answering, response

KEYS = {"ONE_KEY": "sk-secret-one"}
MANY = {"data": [{"id": f"model-{number}"} for number in range(50)]}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_MODEL", "MODELS_FILE", "MODELS_TOML"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONE_KEY", KEYS["ONE_KEY"])
    return monkeypatch


def models_file(first: str, second: str) -> str:
    return f"""
        title_model = "local/gemma-3"
        [[provider]]
        name = "router"
        base_url = "{first}"
        key_env = "ONE_KEY"
        [[provider]]
        name = "local"
        base_url = "{second}"
        leave_out = ["store"]
        [[model]]
        provider = "router"
        id = "mistralai/mistral-medium-3.1"
        name = "medium"
        label = "Mistral"
        vision = true
        fallback = ["local/gemma-3"]
        [[model]]
        provider = "router"
        id = "gone"
        hidden = true
        [[model]]
        provider = "local"
        id = "gemma-3"
        context = 8192
        reasoning = false
        price = "0/0"
    """


async def run(*, write: bool = False, every: bool = False) -> int:
    return await asyncio.to_thread(models, Namespace(write=write, all=every))


async def test_what_is_configured_is_compared_with_what_is_offered(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(response(OPENROUTER)) as router, answering(response(LLAMA_CPP)) as local:
        environment.setenv("MODELS_TOML", models_file(router.base_url, local.base_url))
        code = await run()

    assert code == 1
    assert capsys.readouterr().out == (
        f"router ({router.base_url})\n"
        "  ✓ medium (mistralai/mistral-medium-3.1) · context 131,072 on the server, unknown here · price unknown\n"
        "  ✗ router/gone (gone) · not offered by this provider · price unknown\n"
        "  - openrouter/auto · context 2,000,000\n"
        "\n"
        f"local ({local.base_url})\n"
        "  ✓ local/gemma-3 (gemma-3) · context 2,048 on the server, 8,192 here"
        " · reads images, but vision is not set · price known\n"
        "\n"
        "✓ offered · ✗ not offered · ? no list · - offered and not configured\n"
    )


async def test_a_provider_that_gives_no_list_does_not_hide_the_others(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = response({}, status="401 Unauthorized")
    async with answering(refused) as router, answering(response(LLAMA_CPP)) as local:
        environment.setenv("MODELS_TOML", models_file(router.base_url, local.base_url))
        code = await run()

    said = capsys.readouterr().out
    assert code == 1
    assert "  router rejects the key in ONE_KEY (HTTP 401).\n  ? medium (" in said
    assert "  ✓ local/gemma-3 (gemma-3) · " in said
    assert KEYS["ONE_KEY"] not in said


async def test_the_environment_alone_is_one_provider(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(response(MANY)) as server:
        environment.setenv("OPENAI_BASE_URL", server.base_url)
        environment.setenv("LLM_MODEL", "model-3")
        codes = [await run(), await run(every=True)]

    some, everything = capsys.readouterr().out.split("127.0.0.1 (")[1:]
    assert codes == [0, 0]
    assert some.splitlines()[1] == "  ✓ model-3 · price unknown"
    assert "  29 more: chat models --all" in some
    assert all(f"  - model-{number}\n" in everything for number in range(50) if number != 3)


async def test_a_models_file_is_written_that_can_be_read(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = {"data": [*OPENROUTER["data"], {"id": 'a"b\\c\u007f\u2028é'}]}
    async with answering(response(odd)) as router, answering(response(LLAMA_CPP)) as local:
        text = models_file(router.base_url, local.base_url)
        environment.setenv("MODELS_TOML", text)
        code = await run(write=True)

    written = capsys.readouterr().out
    was, now = parse_models(text, KEYS), parse_models(written, KEYS)
    assert code == 0
    assert (now.providers, now.title_model, now.default.name) == (was.providers, was.title_model, "medium")
    assert [model.name for model in now.models] == [model.name for model in was.models]
    assert (now.default.context, str(now.default.price)) == (131_072, "0.4/0.04/2")
    assert now.models[2] == replace(was.models[2], vision=True)
    assert '# not offered by this provider\n[[model]]\nid = "gone"' in written
    assert KEYS["ONE_KEY"] not in written

    everything = re.sub(r"^# (?=\[\[|id|provider|context)", "", written, flags=re.MULTILINE)
    assert 'a"b\\c\ufffd\ufffdé' in [model.id for model in parse_models(everything, KEYS).models]


async def test_a_models_file_is_written_of_what_can_be_reached(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(response(b"<html>", head="content-type: text/html")) as server:
        environment.setenv("OPENAI_BASE_URL", server.base_url)
        code = await run(write=True)

    said = capsys.readouterr()
    assert code == 1
    assert said.err == "127.0.0.1 answered with a page of HTML instead of a list of models.\n"
    written = parse_models(said.out, {})
    assert written.default.id == written.default.name == "gpt-6-luna"
    assert [provider.name for provider in written.providers] == ["local"]


async def test_without_a_provider_there_is_nothing_to_compare(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"there is no provider to ask\. Without them, make run answers"):
        await run()


async def test_the_table_compares_prices_by_the_names_of_the_file(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(response(OPENROUTER)) as router, answering(response(LLAMA_CPP)) as local:
        environment.setenv("MODELS_TOML", models_file(router.base_url, local.base_url))
        environment.setenv("LLM_PRICES", "medium=1/2,router/*=3/4")
        await run()

    said = capsys.readouterr().out
    assert "price unknown" not in said
    assert said.count("price known") == 3
