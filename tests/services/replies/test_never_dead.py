"""No chat is dead because of what its model once said: the strict model server accepts every next message."""

from __future__ import annotations

import pytest

from chat.models import ChatMessage, Generation, ToolCall
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.replies import answered

ODD_ANSWERS = [
    "say Hi. [offline: tools=functions.current_time,no.such,söme,söme also arguments=%7Bbad]",
    "say Hi. [offline: tool=calculate arguments=%5B%22not%22,%20%22an%20object%22%5D]",
    "say Hi. [offline: tool=calculate arguments=%7B%22expression%22:NaN%7D]",
    "say Hi. [offline: tool=current_time arguments=%7B%22timezone%22:%22%5Cud83d%22%7D]",
    "say Hi. [offline: reasoning=2 tool=get_secret_number reasoning_required]",
    "say Hi. [offline: think=2]",
    "say Hi. [offline: messages=2]",
    "something long [offline: incomplete]",
    "say [offline: filter]",
    "x [offline: empty]",
    "x [offline: nul]",
    "x [offline: surrogates]",
    "x [offline: refusal]",
    "x [offline: status=400]",
    "x [offline: cut=1]",
    "x [offline: loop]",
]


@pytest.mark.parametrize("odd", ODD_ANSWERS)
async def test_a_chat_goes_on_after_an_odd_answer(alice: Person, caplog: pytest.LogCaptureFixture, odd: str) -> None:
    posted = await alice.ask(odd)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    for said in ("fine", "again"):
        message, _, _ = await answered(alice, f"say {said}", posted["thread_id"])
        assert (message["status"], message["content"]) == ("final", said)
    assert "is sent without" not in caplog.text  # the history was accepted as it was


async def test_a_chat_goes_on_after_whatever_its_rows_hold(alice: Person, caplog: pytest.LogCaptureFixture) -> None:
    """Rows that older versions stored, or that no model of today would write."""
    _, generation, _ = await answered(alice, "say Hi. [offline: tools=calculate,current_time]")
    thread_id = str(generation.thread_id)
    wrong = {"call_id": "c" * 128, "name": "functions.bad name", "arguments": '{"a": ', "output": ""}
    await ToolCall.filter(generation_id=generation.id, name="calculate").update(**wrong, state="failed")
    await ToolCall.filter(generation_id=generation.id, name="current_time").update(state="running")
    for blank in (" \n", "\u200b", "x" * 200_000):
        await ChatMessage.filter(id=generation.answer_id).update(content=blank, token_count=None)
        message, _, _ = await answered(alice, "say fine", thread_id)
        assert (message["status"], message["content"]) == ("final", "fine")
    assert "is sent without" not in caplog.text


async def test_the_requests_of_a_chat_share_a_cache_and_those_of_another_do_not(
    alice: Person, model: OfflineServer
) -> None:
    first, generation, _ = await answered(alice, "say One")
    await answered(alice, "say Two", str(generation.thread_id))
    await answered(alice, "say Three")
    requests = (await model.http.get("/control/requests")).json()["requests"]
    keys = [body["prompt_cache_key"] for body in requests if "prompt_cache_key" in body][-3:]

    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) == 32 and str(generation.thread_id) not in key for key in keys)
    assert first["status"] == "final"
    assert await Generation.filter(thread_id=generation.thread_id).count() == 2
