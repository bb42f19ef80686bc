"""While a provider is down, pages and open tabs show a notice, and hide it when the provider answers again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.cast import Person
from tests.support.page import Page
from tests.support.providers import provider_down
from tests.support.replies import ended, ready
from tests.support.site import Beside, Site
from tests.support.tab import Tab

SENTENCE = "The model can't be reached right now. Answers will fail until it is back."
TWO = """
default_model = "near/one"
[[provider]]
name = "near"
base_url = "http://127.0.0.1:1/v1"
[[provider]]
name = "far"
base_url = "http://127.0.0.1:2/v1"
[[model]]
id = "one"
provider = "near"
label = "Model One"
[[model]]
id = "two"
provider = "near"
label = "Model Two"
fallback = ["far/three"]
[[model]]
id = "three"
provider = "far"
label = "Model Three"
"""


async def notice(tab: Tab) -> dict[str, Any]:
    """The next frame about models."""
    return await tab.until_type("models.unavailable")


async def shown(person: Person, path: str) -> str:
    place = Page((await person.http.get(path)).text).find("p", id="model-notice")
    return "" if "hidden" in place else place.text


async def test_pages_and_tabs_say_that_the_model_is_down_until_it_answers(
    site: Site, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await ready(alice)
    path = f"/chat/{posted['thread_id']}/"
    async with alice.tab(posted["thread_id"]) as tab:
        with provider_down(site, monkeypatch):
            told = await notice(tab)
            during = [await shown(alice, path), await shown(alice, "/chat/")]
            async with alice.tab(posted["thread_id"]) as another:
                told_at_once = await notice(another)
            failed = await ended((await alice.ask("say anything", posted["thread_id"]))["reply_id"])
        while (told_later := await notice(tab)) == told:  # both when it connected and when the model went down
            pass
        answered = await ended((await alice.ask("say anything", posted["thread_id"]))["reply_id"])

    assert (told["message"], told["names"]) == (SENTENCE, ["gpt-6-luna"])
    assert told_at_once == told
    assert during == [SENTENCE, SENTENCE]
    assert (failed.status, failed.error) == (
        "error", "The model can't be reached. Try again, and tell the administrator if it happens again.",
    )  # fmt: skip
    assert (told_later["message"], told_later["names"]) == ("", [])
    assert [await shown(alice, path), answered.content] == ["", "anything"]


@pytest.fixture
async def two(beside: Beside) -> AsyncIterator[Site]:
    async with beside(OPENAI_BASE_URL="", MODELS_TOML=TWO) as site:
        yield site


async def test_a_model_whose_fallback_answers_is_not_missed(two: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    model_notice = two.resources.model_notice
    with provider_down(two, monkeypatch, "near"):
        near = model_notice.frame()
        with provider_down(two, monkeypatch, "far"):
            both = model_notice.frame()
    with provider_down(two, monkeypatch, "far"):
        far = model_notice.frame()

    assert (near.names, near.message) == (["near/one"], "Model One can't be reached right now. Choose another model.")
    assert both.names == ["near/one", "near/two", "far/three"]
    assert both.message == "The models can't be reached right now. Answers will fail until they are back."
    assert far.names == ["far/three"]
    assert model_notice.frame().names == []
