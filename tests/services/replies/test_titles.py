"""A thread is titled once, by a model or by its user, and every tab gets the title."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from chat.events import MESSAGE_MAX_LENGTH
from chat.models import ChatMessage, ChatThread, LLMCallLog, LLMCallText, TitleBy
from chat.services.replies.titles import _cleaned, title_from
from tests.support.cast import Person
from tests.support.deleted import purged
from tests.support.offline import OfflineServer
from tests.support.queues import gated
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

WAIT_SECONDS = 20.0
NOT_JSON = "its title: invalid: the answer is not JSON"
QUESTION = "How do I bake bread at home without an oven that is any good? [offline: pace=0]"


@pytest.fixture(scope="module")
async def titling(beside: Beside) -> AsyncIterator[Site]:
    """A site that lets a small model write titles, and keeps what it was sent."""
    async with beside(LLM_TITLES="on", LLM_TITLE_MODEL="gpt-5-nano", LLM_LOG_TEXT="on") as site:
        yield site


@pytest.fixture
async def carol(titling: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(titling, "carol") as person:
        yield person


async def titled(thread_id: str, by: TitleBy) -> ChatThread:
    """The thread, once it has a title by this author."""
    thread: ChatThread = await eventually(ChatThread.filter(id=thread_id, title_by=by).first)
    return thread


async def call_of(thread_id: str, model: OfflineServer) -> int:
    """The number of titles requested."""
    return (await model.http.get("/control/creates", params={"thread_id": thread_id})).json()["creates"]


async def answered(person: Person, text: str, thread_id: str = "") -> str:
    """Ask, and wait for the whole answer."""
    posted = await person.ask(text, thread_id)
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    return posted["thread_id"]


async def test_a_small_model_titles_the_first_exchange_and_all_tabs_hear_of_it(
    carol: Person, model: OfflineServer
) -> None:
    posted = await carol.ask(QUESTION)
    async with carol.tab(posted["thread_id"]) as tab, carol.tab(posted["thread_id"]) as other:
        await tab.until(lambda _: tab.store.title == "How do I bake bread at")
        await other.until(lambda _: other.store.title == "How do I bake bread at")
    thread = await titled(posted["thread_id"], TitleBy.MODEL)
    log = await LLMCallLog.get(caller="title", user__email=carol.email)

    assert thread.title == "How do I bake bread at"
    assert (log.model_asked, log.schema_name, log.status) == ("gpt-5-nano", "Title", "completed")
    assert log.cost is not None
    assert log.cost > 0


async def test_a_title_is_written_without_what_the_model_thought(carol: Person) -> None:
    thread_id = await answered(carol, QUESTION.replace("pace=0", "pace=0 reasoning=3"))
    await titled(thread_id, TitleBy.MODEL)
    log = await LLMCallLog.get(caller="title", user__email=carol.email)
    answer = await ChatMessage.get(thread_id=thread_id, number=2)
    sent = str((await LLMCallText.get(call_id=log.id)).input)

    assert answer.content[:20] in sent
    assert answer.reasoning
    assert answer.reasoning.split("\n")[0] not in sent


async def test_a_titles_prompt_is_deleted_with_its_chat(carol: Person) -> None:
    thread_id = await answered(carol, QUESTION)
    await titled(thread_id, TitleBy.MODEL)
    log = await LLMCallLog.get(caller="title", user__email=carol.email)
    assert "bread" in str((await LLMCallText.get(call_id=log.id)).input)

    await carol.http.post(f"/chat/{thread_id}/delete/")
    await purged(thread_id)

    assert not await LLMCallText.exists(call_id=log.id)
    assert (await LLMCallLog.get(id=log.id)).cost == log.cost


async def test_only_the_first_exchange_is_titled(carol: Person, model: OfflineServer) -> None:
    thread_id = await answered(carol, QUESTION)
    await titled(thread_id, TitleBy.MODEL)
    await answered(carol, "And what about cakes?", thread_id)
    await answered(carol, "And pies?", thread_id)

    assert await call_of(thread_id, model) == 1
    assert (await ChatThread.get(id=thread_id)).title == "How do I bake bread at"


async def test_a_title_that_the_user_typed_stands_for_ever(carol: Person, model: OfflineServer) -> None:
    with gated(carol.site):  # until it has the user's title
        posted = await carol.ask("say one two three four five six")
        renamed = await carol.http.post(f"/chat/{posted['thread_id']}/title/", data={"title": "Mine"})
    assert renamed.status_code == 303
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    await answered(carol, "hello", posted["thread_id"])
    thread = await ChatThread.get(id=posted["thread_id"])

    assert (thread.title, thread.title_by) == ("Mine", TitleBy.USER)
    assert await call_of(posted["thread_id"], model) == 0


@pytest.mark.parametrize("script", ["notjson", "invalid", "refusal", "empty", "incomplete", "status=401", "cut=1"])
async def test_without_a_good_title_the_first_words_stay(
    carol: Person, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="chat.services.replies.titles")
    thread_id = await answered(carol, f"{QUESTION} [offline-structured: {script}]")
    calls = await eventually(LLMCallLog.filter(caller="title", user__email=carol.email).all)
    if script == "notjson":
        await eventually(lambda: NOT_JSON in caplog.text)
    thread = await ChatThread.get(id=thread_id)

    assert thread.title_by is TitleBy.WORDS
    assert thread.title.startswith("How do I bake bread")
    assert (NOT_JSON in caplog.text) is (script == "notjson")
    assert calls[0].error == "", "it can quote the chat, which may go"


async def test_an_answer_that_failed_gets_no_title(carol: Person, model: OfflineServer) -> None:
    thread_id = await answered(carol, QUESTION.replace("pace=0", "status=401"))

    assert await call_of(thread_id, model) == 0


async def test_titles_can_be_switched_off(alice: Person, model: OfflineServer) -> None:
    thread_id = await answered(alice, QUESTION)

    assert await call_of(thread_id, model) == 0


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('"Bread at home."', "Bread at home"),
        ("**Bread**", "Bread"),
        ("# Bread\nand more", "Bread and more"),
        ("“Brød hjemme”", "Brød hjemme"),
        ("x" * 300, "x" * 255),
        ("Why bake?", "Why bake?"),
        ("Bread :bread: and a :cat:", "Bread :bread: and a 🐱"),
        ("  ", ""),
        ("a\x00b", "a\ufffdb"),
        ("\u200b\u202e", ""),
    ],
)
def test_decoration_that_models_add_to_titles_is_removed(said: str, kept: str) -> None:
    assert _cleaned(said) == kept


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Hello", "Hello"),
        ("  Two\n lines", "Two"),
        ("word " * 40, "word word word word word word word word word word word word…"),
        ("x" * 300, "x" * 60 + "…"),
        ("## What *is* this?", "What is this?"),
        ("> > quoted\nand mine", "quoted"),
        ("- [ ] buy milk", "buy milk"),
        ("1. First\n2. Second", "First"),
        ("Why does `__init__` not **return** [it](https://example.com/a_b)?", "Why does __init__ not return it?"),
        ("**_all_ of `it`** and ~~this~~ ***too***", "all of it and this too"),
        ("```python\nprint(2 ** 3)\n```", "print(2 ** 3)"),
        ("---\n\n# After a rule", "After a rule"),
        ("***", "***"),
        ("```", "```"),
        (
            "#hashtag, snake_case_name, 2 * 3 * 4, 2*3*4 and a_b_c",
            "#hashtag, snake_case_name, 2 * 3 * 4, 2*3*4 and a_b_c",
        ),
        ("-5 degrees, or **half a mark", "-5 degrees, or **half a mark"),
        ("What is a ** b ** c in __init__.py?", "What is a ** b ** c in __init__.py?"),
        ("<b>stays</b> & so does this", "<b>stays</b> & so does this"),
        ("2024. A good year", "2024. A good year"),
        ("![a cat](cat.png)", "a cat"),
        (":wave: **hello** :tada:!", "👋 hello 🎉!"),
        ("# :unknown: in user:key:1 at 12:30:45", ":unknown: in user:key:1 at 12:30:45"),
    ],
)
def test_a_title_is_the_first_words(content: str, title: str) -> None:
    assert title_from(content.strip()) == title


@pytest.mark.parametrize("nasty", ["**a ", "`" * 3 + " ", "[", "[a](", "*_~~", "> ", "- \n", "__x__ **"])
def test_a_title_is_made_quickly(nasty: str) -> None:
    content = (nasty * MESSAGE_MAX_LENGTH)[:MESSAGE_MAX_LENGTH].strip()
    begun = time.thread_time()

    assert 0 < len(title_from(content)) <= 61
    assert time.thread_time() - begun < 2
