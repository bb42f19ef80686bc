"""The details of an answer: what it took, and the ids by which it is found in the log and at the provider."""

from __future__ import annotations

import uuid
from datetime import datetime

from chat.models import Generation, LLMCallLog
from tests.support.cast import Person
from tests.support.client import without_id
from tests.support.page import Page

JSON = {"Accept": "application/json"}


async def answer_of(alice: Person, text: str) -> tuple[str, str]:
    """The answer's id, and the address of its details."""
    posted = await alice.ask(text)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    return posted["reply_id"], f"/chat/{posted['thread_id']}/messages/{posted['reply_id']}/details/"


async def test_the_details_are_those_of_the_ledger(alice: Person) -> None:
    answer_id, path = await answer_of(alice, "What time is it in Tokyo?")
    told = (await alice.http.get(path, headers=JSON)).json()
    page = await alice.http.get(path)

    generation = await Generation.get(answer_id=answer_id)
    calls = await LLMCallLog.filter(generation_id=generation.id).order_by("round")
    assert told["generation_id"] == str(generation.id)
    assert [one["request_id"] for one in told["rounds"]] == [call.request_id for call in calls]
    assert [one["input_tokens"] for one in told["rounds"]] == [call.input_tokens for call in calls]
    assert len(calls) == 2 and all(call.request_id and call.response_id for call in calls)
    assert datetime.fromisoformat(told["ended"]) >= datetime.fromisoformat(told["began"])
    shown = Page(page.text).text
    assert page.status_code == 200
    for word in (str(generation.id), calls[0].request_id, calls[1].response_id, told["model"]):
        assert str(word) in shown
    cost = sum(call.cost for call in calls)
    assert Page(page.text).find("data")["value"] == f"{cost:f}"


async def test_an_answer_that_is_being_written_has_its_id(alice: Person) -> None:
    posted = await alice.ask("Say one two three four [offline: pace=300]")
    path = f"/chat/{posted['thread_id']}/messages/{posted['reply_id']}/details/"
    told, page = (await alice.http.get(path, headers=JSON)).json(), await alice.http.get(path)
    await alice.http.post(f"/chat/{posted['thread_id']}/messages/{posted['reply_id']}/stop/")

    assert (told["ended"], told["rounds"], told["status"]) == (None, [], "streaming")
    assert told["generation_id"] in Page(page.text).text


async def test_a_stranger_finds_no_details(alice: Person, bob: Person, nobody: Person) -> None:
    answer_id, path = await answer_of(alice, "Say one")
    missing = path.replace(answer_id, str(uuid.uuid4()))

    foreign, nowhere = await bob.http.get(path, headers=JSON), await bob.http.get(missing, headers=JSON)
    assert (foreign.status_code, without_id(foreign)) == (404, without_id(nowhere))
    assert (await nobody.http.get(path, headers=JSON)).status_code == 401
    assert (await alice.http.get(missing)).status_code == 404


async def test_a_question_has_no_details_and_the_way_to_them_needs_no_javascript(alice: Person) -> None:
    answer_id, path = await answer_of(alice, "Say one")
    thread_id = path.split("/")[2]
    question, answer = await alice.messages(thread_id)

    assert (await alice.http.get(path.replace(answer_id, question["id"]))).status_code == 404
    deletion = await alice.http.get(path.replace("details", "delete"))
    assert [link["href"] for link in Page(deletion.text).all("a") if link["href"] == path]
    assert answer["id"] == answer_id
