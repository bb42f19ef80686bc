"""Users find messages in their own threads, and none of other users."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from chat.llm.tools import ToolError
from chat.models import ChatMessage, ChatThread, Generation, Role, State, Status, User
from chat.tools import load
from chat.tools.search_my_threads import MAX_HITS, Hit, search_my_threads
from tests.support.cast import Person
from tests.support.replies import ended
from tests.support.rows import in_a_row
from tests.support.searching import indexed

START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


async def conversation(person: Person, title: str, *contents: str, archived: bool = False) -> ChatThread:
    """Question, answer, question …, a minute apart."""
    user = await User.get(email=person.email)
    thread = await ChatThread.create(user_id=user.id, title=title, archived=archived)
    for number, content in enumerate(contents, start=1):
        role = Role.USER if number % 2 else Role.ASSISTANT
        message = await ChatMessage.create(thread_id=thread.id, number=number, role=role, content=content)
        at = START + timedelta(minutes=number)
        await ChatMessage.filter(id=message.id).update(created_at=at)
    await in_a_row(thread.id)
    await indexed(thread.id)
    return thread


def address(thread_id: object, message_id: object) -> str:
    return f"/chat/{thread_id}/?at={message_id}#m-{message_id}"


async def hits(person: Person, query: str) -> list[Hit]:
    found = await search_my_threads(await User.get(email=person.email), query)
    return [] if isinstance(found, str) else found


async def snippets(person: Person, query: str) -> list[str]:
    return [hit.snippet for hit in await hits(person, query)]


async def test_alice_finds_messages_and_their_threads(alice: Person) -> None:
    thread = await conversation(alice, "Dinner", "How is fondue made?", "Melt Gruyère\n\n in white wine.")
    answer = await ChatMessage.get(thread_id=thread.id, number=2)

    assert await hits(alice, "gruyère WINE") == [
        Hit(
            "Dinner",
            address(thread.id, answer.id),
            "assistant",
            "2026-03-01T12:32+00:00",
            "Melt Gruyère in white wine.",
            in_another_version=False,
        )
    ]
    assert [hit.said_by for hit in await hits(alice, "fondue")] == ["user"]
    assert (await alice.http.get((await hits(alice, "fondue"))[0].url)).status_code == 200


async def test_what_a_model_thought_is_not_found(alice: Person) -> None:
    thread = await conversation(alice, "Dinner", "How is fondue made?", "Melt cheese.")
    await ChatMessage.filter(thread_id=thread.id, number=2).update(reasoning="Perhaps Emmental?")

    assert await snippets(alice, "emmental") == []


async def test_other_versions_are_found_and_said_to_be_that(alice: Person) -> None:
    thread = await conversation(alice, "Dinner", "How is fondue made?", "Melt Emmental.")
    question = await ChatMessage.get(thread_id=thread.id, number=1)
    other = {"thread_id": thread.id, "number": 3, "role": Role.ASSISTANT, "parent_id": question.id}
    newer = await ChatMessage.create(content="Melt Gruyère.", **other)
    await indexed(thread.id)
    await ChatThread.filter(id=thread.id).update(head_id=newer.id)

    found = {hit.snippet: hit.in_another_version for hit in await hits(alice, "melt")}
    assert found == {"Melt Gruyère.": False, "Melt Emmental.": True}


async def test_bob_finds_nothing_of_alice(alice: Person, bob: Person) -> None:
    await conversation(alice, "Secret plans", "My secret is 4711", "I keep it.")
    mine = await conversation(bob, "Mine", "No plans", "None at all.")

    for query in ("secret", "4711", "keep", "e", "%", "' OR '1'='1", "' OR 1=1 --"):
        assert {hit.url.split("?")[0] for hit in await hits(bob, query)} <= {f"/chat/{mine.id}/"}
    assert await snippets(bob, "secret") == []
    assert await snippets(alice, "secret") == ["My secret is 4711"]


async def test_every_word_has_to_occur_in_the_text_or_in_the_title(alice: Person) -> None:
    await conversation(alice, "Cheese", "Which one melts?", "Gruyère melts.", "And for bread?", "Brie.")

    assert await snippets(alice, "melts cheese") == ["Gruyère melts.", "Which one melts?"]
    assert await snippets(alice, "melts bread") == []
    assert await snippets(alice, "chees") == ["Which one melts?"]


async def test_the_newest_come_first_and_not_too_many(alice: Person) -> None:
    await conversation(alice, "Long", *(f"word {number}" for number in range(1, 16)))

    assert await snippets(alice, "word") == [f"word {number}" for number in range(15, 15 - MAX_HITS, -1)]


async def test_archived_threads_count(alice: Person) -> None:
    await conversation(alice, "", "Where is the archive?", archived=True)

    assert [hit.title for hit in await hits(alice, "archive")] == ["New chat"]


@pytest.mark.parametrize("query", ["100%", "a_b", "c:\\new", "[x]*", "o'clock"])
async def test_no_character_is_special(alice: Person, query: str) -> None:
    await conversation(alice, "Signs", r"100% of a_b in c:\new and [x]* at 5 o'clock", "100 axb c:new xx oclock")

    assert await snippets(alice, query) == [r"100% of a_b in c:\new and [x]* at 5 o'clock"]


@pytest.mark.parametrize(
    "query", ["%", "_", "\\", "%%%", "\\%", "$1", "'; DROP TABLE users; --", "{}", "\x00", "\ud800"]
)
async def test_a_hostile_query_finds_nothing(alice: Person, query: str) -> None:
    await conversation(alice, "Signs", "Nothing strange here", "Nor here")

    assert await hits(alice, query) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [("", "which words"), (" \n ", "which words"), ("x" * 201, "too long"), ("a b c d e f g h i j k", "too long")],
)
async def test_an_unusable_query_gives_advice(alice: Person, query: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        await hits(alice, query)


async def test_a_snippet_is_the_text_around_the_word(alice: Person) -> None:
    await conversation(alice, "Long", "before " * 100 + "Needle " + "after " * 100)

    [snippet] = await snippets(alice, "needle")
    assert re.fullmatch(r"….*(before ){8}Needle (after ){20}.*…", snippet)
    assert len(snippet) <= 202


async def test_the_question_that_is_being_answered_is_not_found_until_it_is(alice: Person) -> None:
    thread = await conversation(alice, "Did I ask for fondue?", "Did I ask for fondue?", "")
    question, answer = await ChatMessage.filter(thread_id=thread.id).order_by("number")
    await ChatMessage.filter(id=answer.id).update(status=Status.STREAMING)
    generation = await Generation.create(
        thread_id=thread.id,
        user_message_id=question.id,
        answer_id=answer.id,
        state=State.RUNNING,
        lease_until=datetime.now(UTC) + timedelta(minutes=5),
    )

    assert await hits(alice, "fondue") == []
    await Generation.filter(id=generation.id).update(state=State.COMPLETED)
    assert await snippets(alice, "fondue") == ["Did I ask for fondue?"]


async def test_the_model_reads_hits_or_that_there_are_none(alice: Person) -> None:
    thread = await conversation(alice, "Dinner", "How is fondue made?")
    context = {User: await User.get(email=alice.email), ChatThread: thread}

    found = await load().dispatch("search_my_threads", '{"query": "fondue"}', context)
    question = await ChatMessage.get(thread_id=thread.id)
    assert [hit["url"] for hit in json.loads(found.output)] == [address(thread.id, question.id)]
    nothing = await load().dispatch("search_my_threads", '{"query": "raclette"}', context)
    assert nothing.ok
    assert "No messages contain" in nothing.output


async def answered(person: Person, question: str) -> str:
    """The tool's result in the answer to a new chat's first question."""
    posted = await person.ask(question)
    await ended(posted["reply_id"])
    [call] = (await person.messages(posted["thread_id"]))[-1]["tools"]
    return str(call["output"])


async def test_in_a_chat_it_searches_the_user_s_threads(alice: Person, bob: Person) -> None:
    thread = await conversation(alice, "Dinner", "How is fondue made?")

    assert f"/chat/{thread.id}/" in await answered(alice, "Search my threads for fondue")
    assert "No messages contain" in await answered(bob, "Search my threads for fondue")


async def test_the_model_cannot_choose_whose_threads_are_searched(alice: Person, bob: Person) -> None:
    context = {User: await User.get(email=bob.email)}
    arguments = json.dumps({"query": "fondue", "user": alice.email})

    result = await load().dispatch("search_my_threads", arguments, context)
    assert not result.ok
    assert "unknown field `user`" in result.output
    assert list(search_my_threads.schema["parameters"]["properties"]) == ["query"]
