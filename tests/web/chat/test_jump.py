"""A page that leads to one message: in the path to the latest one if that is near, otherwise around it."""

from __future__ import annotations

import uuid

import pytest

from chat.models import ChatMessage, ChatThread, Role
from chat.services.replies.jump import BEFORE, MOST_AROUND, MOST_TO_HEAD
from chat.services.replies.threads import PAGE_MAX_BYTES, PAGE_SIZE
from tests.support.cast import Person
from tests.support.page import Element, Page
from tests.support.rows import past_thread


class Opened(Page):
    """A chat's page."""

    @property
    def main(self) -> Element:
        return self.find("main")

    @property
    def numbers(self) -> list[int]:
        """Of the messages, which are `Message 1` to the last."""
        shown = [one.text.split() for one in self.all("article") if one.get("id", "") != "m-"]
        return [int(words[words.index("Message") + 1]) for words in shown]

    @property
    def links(self) -> list[str]:
        return [link["href"] for link in self.all("a") if "href" in link]


async def opened(person: Person, thread_id: str, at: str) -> Opened:
    answer = await person.http.get(f"/chat/{thread_id}/", params={"at": at})
    assert answer.status_code == 200
    return Opened(answer.text)


async def message(thread_id: str, number: int) -> str:
    return str((await ChatMessage.get(thread_id=thread_id, number=number)).id)


async def test_a_message_on_the_newest_page_is_shown_there(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=4)
    at = await message(thread_id, 2)
    page = await opened(alice, thread_id, at)

    assert page.main["data-at"] == at
    assert "data-detached" not in page.main
    assert page.numbers == [1, 2, 3, 4]
    assert page.all("article", id=f"m-{at}")


async def test_near_the_latest_message_the_page_reaches_it(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=MOST_TO_HEAD + 20)
    number = MOST_TO_HEAD + 20 - (MOST_TO_HEAD - BEFORE) + 1
    page = await opened(alice, thread_id, await message(thread_id, number))

    assert "data-detached" not in page.main
    assert page.numbers == list(range(number - BEFORE, MOST_TO_HEAD + 21))


async def test_further_away_the_page_is_detached_with_the_message_in_its_middle(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=MOST_TO_HEAD + 220)
    at = await message(thread_id, 200)
    page = await opened(alice, thread_id, at)

    assert page.main["data-at"] == at
    assert "data-detached" in page.main
    assert page.numbers == list(range(150, 250))
    assert len(page.numbers) == MOST_AROUND
    assert f"/chat/{thread_id}/" in page.links
    assert "You're reading an older part of this chat." in page.text
    assert "Continue from here" not in page.text


async def test_a_detached_page_leads_to_earlier_and_later_messages_without_javascript(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=MOST_TO_HEAD + 220)
    first, last = await message(thread_id, 150), await message(thread_id, 249)
    page = await opened(alice, thread_id, await message(thread_id, 200))

    assert f"/chat/{thread_id}/?at={first}#m-{first}" in page.links
    assert f"/chat/{thread_id}/?at={last}#m-{last}" in page.links


async def test_long_messages_below_make_the_page_detached_and_shorter(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=40)
    long = f"Message 20 {'x' * (PAGE_MAX_BYTES // 4)}"
    await ChatMessage.filter(thread_id=thread_id, number__in=[6, 7, 8, 9]).update(content=long)
    page = await opened(alice, thread_id, await message(thread_id, 5))

    assert "data-detached" in page.main
    assert page.numbers == [1, 2, 3, 4, 5, 20]


async def test_a_message_that_is_longer_than_a_page_is_shown(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=3)
    await ChatMessage.filter(thread_id=thread_id, number__in=[2, 3]).update(content=f"Message 9 {'x' * PAGE_MAX_BYTES}")
    at = await message(thread_id, 2)
    page = await opened(alice, thread_id, at)

    assert page.all("article", id=f"m-{at}")


async def test_another_version_is_detached_and_can_be_continued(alice: Person) -> None:
    thread_id = await past_thread(alice, messages=4)
    question = await ChatMessage.get(thread_id=thread_id, number=1)
    other = await ChatMessage.create(
        thread_id=thread_id, number=5, role=Role.ASSISTANT, parent_id=question.id, content="Message 5"
    )
    below = await ChatMessage.create(
        thread_id=thread_id, number=6, role=Role.USER, parent_id=other.id, content="Message 6"
    )
    page = await opened(alice, thread_id, str(other.id))
    head_id = (await ChatThread.get(id=thread_id)).head_id

    assert "data-detached" in page.main
    assert page.numbers == [1, 5, 6]
    assert "You're reading another version of this chat." in page.text
    assert head_id == uuid.UUID(await message(thread_id, 4)), "a GET changes nothing"

    button = page.find("button", name="message_id", value=str(other.id))
    assert button.text == "Continue from here"
    await alice.http.post(f"/chat/{thread_id}/head/", data={"message_id": str(other.id)})
    assert (await ChatThread.get(id=thread_id)).head_id == below.id
    assert "data-detached" not in (await opened(alice, thread_id, str(other.id))).main


@pytest.mark.parametrize("at", ["", "garbage", "\x00", str(uuid.UUID(int=0)), "00000000-0000", "9" * 400])
async def test_what_is_no_message_opens_the_plain_page(alice: Person, at: str) -> None:
    thread_id = await past_thread(alice, messages=PAGE_SIZE + 10)
    page = await opened(alice, thread_id, at)

    assert "data-at" not in page.main
    assert page.numbers == list(range(11, PAGE_SIZE + 11))


async def test_a_message_of_another_chat_opens_the_plain_page(alice: Person, bob: Person) -> None:
    mine, other, foreign = await past_thread(alice), await past_thread(alice), await past_thread(bob)

    for thread_id in (other, foreign):
        assert "data-at" not in (await opened(alice, mine, await message(thread_id, 1))).main
    answer = await alice.http.get(f"/chat/{foreign}/", params={"at": await message(foreign, 1)})
    assert answer.status_code == 404
