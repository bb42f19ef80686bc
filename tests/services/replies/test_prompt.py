"""The prompt: the newest messages that fit, and always the last one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chat import database
from chat.llm.items import InputItem, message_item, text_of
from chat.llm.tokens import count_tokens, most_tokens
from chat.models import ChatMessage, ChatThread, Generation, Role, State, Status, ToolCall, User
from chat.services.replies.prompt import LEFT_OUT, MESSAGE_OVERHEAD_TOKENS, instructions, turns
from tests.support import patches
from tests.support.cast import Person
from tests.support.rows import in_a_row
from tests.support.site import Site


@pytest.fixture
async def thread(site: Site) -> ChatThread:
    user = await User.create(email=f"alice-{uuid.uuid4().hex}@example.com", password_hash="x")
    return await ChatThread.create(user_id=user.id)


async def say(thread: ChatThread, *contents: str) -> None:
    for number, content in enumerate(contents, start=1):
        role = Role.USER if number % 2 else Role.ASSISTANT
        await ChatMessage.create(thread_id=thread.id, number=number, role=role, content=content, status=Status.FINAL)
    await in_a_row(thread.id)


async def turns_of(thread: ChatThread, up_to: int, max_tokens: int) -> list[InputItem]:
    """The path to the message with this number, as a model gets it."""
    return await turns((await ChatMessage.get(thread_id=thread.id, number=up_to)).id, max_tokens=max_tokens)


async def shown(thread: ChatThread, up_to: int, max_tokens: int) -> list[str]:
    return [text_of(turn) for turn in await turns_of(thread, up_to, max_tokens)]


async def test_a_short_conversation_is_shown_whole_in_order_and_nothing_is_counted(thread: ChatThread) -> None:
    await say(thread, "one", "two", "three", "")

    assert await turns_of(thread, 3, 1000) == [
        message_item("user", "one"),
        message_item("assistant", "two"),
        message_item("user", "three"),
    ]
    assert not await ChatMessage.filter(thread_id=thread.id, token_count__isnull=False).exists()


async def test_the_newest_messages_of_a_long_thread_that_fit_are_sent_and_counted_once(thread: ChatThread) -> None:
    await say(thread, *(f"message {number} " + "word " * 50 for number in range(1, 10)))
    each = (await count_tokens(["message 9 " + "word " * 50]))[0] + MESSAGE_OVERHEAD_TOKENS

    seen = await shown(thread, 9, each * 3)

    assert [text.split()[1] for text in seen] == ["7", "8", "9"]
    counts = await ChatMessage.filter(thread_id=thread.id).values_list("token_count", flat=True)
    assert set(counts) == {each - MESSAGE_OVERHEAD_TOKENS}


async def test_the_newest_is_shown_even_if_it_is_too_long_alone(thread: ChatThread) -> None:
    await say(thread, "one", "two", "word " * 2000)

    assert [text[:4] for text in await shown(thread, 3, 500)] == ["word"]


async def test_failed_answers_without_a_word_and_later_messages_are_left_out(thread: ChatThread) -> None:
    await say(thread, "one", "", "three", "four")

    assert await shown(thread, 3, 1000) == ["one\nthree"]  # one message of the user


async def test_the_user_and_the_model_take_turns(thread: ChatThread) -> None:
    await say(thread, "one", "", "three", " \n", "five", "six")
    await ChatMessage.create(thread_id=thread.id, number=7, role=Role.ASSISTANT, content="and on", status=Status.FINAL)
    await in_a_row(thread.id)
    items = await turns_of(thread, 7, 1000)

    assert [item["role"] for item in items] == ["user", "assistant", "user", "assistant"]
    assert [part["text"] for part in items[0]["content"]] == ["one", "three", "five"]
    assert text_of(items[2]) == instructions("continue")


async def test_an_answer_whose_question_is_left_out_is_not_the_first_item(thread: ChatThread) -> None:
    await say(thread, "word " * 2000, "two", "three")
    items = await turns_of(thread, 3, 100)

    assert [item["role"] for item in items] == ["user", "assistant", "user"]
    assert text_of(items[0]) == LEFT_OUT


@pytest.mark.parametrize("text", ["", "hello", "пример", "😀" * 20, "a" * 5000, "<|endoftext|>", "\ufffd"])
async def test_no_text_has_more_tokens_than_its_bound(text: str) -> None:
    assert (await count_tokens([text]))[0] <= most_tokens(text)


async def call_tool(thread: ChatThread, number: int, *names: str, output: str = "42", state: str = "done") -> None:
    """Add tool calls to the answer with this number."""
    answer = await ChatMessage.get(thread_id=thread.id, number=number)
    question = await ChatMessage.get(thread_id=thread.id, number=number - 1)
    generation = await Generation.create(
        thread_id=thread.id, user_message_id=question.id, answer_id=answer.id, state=State.COMPLETED
    )
    [tokens] = await count_tokens([output])
    for name in names:
        await ToolCall.create(
            generation_id=generation.id, call_id=f"call_{name}", name=name, arguments="{}", output=output, state=state,
            token_count=tokens,
        )  # fmt: skip


async def test_an_answer_is_shown_with_the_tools_that_it_called(thread: ChatThread) -> None:
    await say(thread, "one", "two", "three")
    await call_tool(thread, 2, "first", "second")

    assert await turns_of(thread, 3, 1000) == [
        message_item("user", "one"),
        {"type": "function_call", "call_id": "call_first", "name": "first", "arguments": "{}"},
        {"type": "function_call", "call_id": "call_second", "name": "second", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_first", "output": "42"},
        {"type": "function_call_output", "call_id": "call_second", "output": "42"},
        message_item("assistant", "two"),
        message_item("user", "three"),
    ]


async def test_a_call_is_never_shown_without_its_result(thread: ChatThread) -> None:
    await say(thread, "one", "two", "three")
    await call_tool(thread, 2, "slow", output="", state="running")

    assert [turn["type"] for turn in await turns_of(thread, 3, 1000)] == ["message"] * 3


@pytest.mark.parametrize(("max_tokens", "kept"), [(700, 0), (5000, 5)])
async def test_an_answer_and_its_tools_fit_together_or_not_at_all(
    thread: ChatThread, max_tokens: int, kept: int
) -> None:
    await say(thread, "one", "two", "three")
    await call_tool(thread, 2, "long", output="word " * 1000)
    items = await turns_of(thread, 3, max_tokens)

    assert len(items) == (kept or 1)
    assert items[-1] == message_item("user", "three")


async def test_the_newest_loses_tools_that_do_not_fit_with_it(thread: ChatThread) -> None:
    await say(thread, "what is it?", "It is")
    await call_tool(thread, 2, "look", output="word " * 5000)

    assert [turn["role"] for turn in await turns_of(thread, 2, 500)] == [
        "user",
        "assistant",
    ]


async def test_what_tools_gave_is_not_read_where_it_does_not_fit(
    thread: ChatThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(thread, "what is it?", "It is", "And now?")
    await call_tool(thread, 2, "look", output="word " * 5000)
    asked: list[str] = []

    async def query(sql: str, *values: object) -> list[dict[str, Any]]:
        asked.append(sql)
        return await database.query(sql, *values)

    patches.TOOL_CALLS_QUERY.replace(monkeypatch, query)
    assert await shown(thread, 3, 500) == ["And now?"]
    assert not asked


async def test_an_answer_and_its_question_are_counted_when_it_ends(alice: Person) -> None:
    posted = await alice.ask("say one two three")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    question, answer = await ChatMessage.filter(thread_id=posted["thread_id"]).order_by("number")

    assert [question.token_count, answer.token_count] == await count_tokens(["say one two three", "one two three"])


def test_the_instructions_are_a_template_with_guidance_on_markdown() -> None:
    text = instructions(site_name="My own place")
    assert "Use your tools" in text
    assert "Use your tools" not in instructions(site_name="My own place", tools=False)

    assert "My own place" in text
    assert "markdown" in text
    assert "{{" not in text
