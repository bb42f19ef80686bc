"""The main job: a message, one model call, the same answer in every tab and in the row."""

from __future__ import annotations

from chat.models import Generation, LLMCallLog
from tests.support.cast import Person
from tests.support.offline import OfflineServer


async def test_two_tabs_get_the_same_answer_from_one_model_call(alice: Person, model: OfflineServer) -> None:
    posted = await alice.ask("Show me a table and some code [offline: pace=5]")
    async with alice.tab(posted["thread_id"]) as one, alice.tab(posted["thread_id"]) as two:
        first = await one.until_finished(posted["reply_id"])
        second = await two.until_finished(posted["reply_id"])

    row = (await alice.messages(posted["thread_id"]))[-1]
    generation = await Generation.get(answer_id=posted["reply_id"])
    assert first["content"] == second["content"] == row["content"] != ""
    assert row["status"] == "final"
    assert await model.creates(str(generation.id)) == 1
    assert await LLMCallLog.filter(generation_id=generation.id).count() == 1
