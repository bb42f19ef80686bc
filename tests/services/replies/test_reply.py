"""The life of a reply, with the real model server: every way it can go, and what is stored and published."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chat.broadcast import Append, LogPosition
from chat.database import query
from chat.events import MessageSend, TextDelta
from chat.llm.events import ToolCall as ToolCallEvent
from chat.llm.journal import CallLog
from chat.llm.tokens import count_tokens
from chat.models import ChatMessage, ChatThread, Generation, LLMCallLog, ToolCall, User, UserMonthlyUsage
from chat.services.deps import Deps
from chat.services.replies import lease, prompt
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.live_text import LiveText
from chat.services.replies.send import send
from chat.services.replies.tool_calls import ENDED, ToolCalls
from tests.support import patches
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.replies import answered, ended
from tests.support.site import Site
from tests.support.waiting import eventually

WAIT_SECONDS = 20


async def test_a_reply_is_stored_with_its_call_and_the_months_usage(alice: Person, model: OfflineServer) -> None:
    message, generation, _ = await answered(alice, "say Hello, world")
    call = await LLMCallLog.get(generation_id=generation.id)
    billed = (await model.billed(str(generation.id)))[0]
    month = await UserMonthlyUsage.get(user_id=call.user_id)  # type: ignore[attr-defined]

    assert (message["status"], message["content"]) == ("final", "Hello, world")
    assert (generation.state, generation.partial, generation.owner is None) == ("completed", "", False)
    assert (call.input_tokens, call.output_tokens, call.total_tokens) == (
        billed["input_tokens"],
        billed["output_tokens"],
        billed["total_tokens"],
    )
    assert (call.status, call.estimated, call.uncertain) == ("completed", False, False)
    assert call.cost == Decimal(billed["cost"])
    assert (month.calls, month.total_tokens, month.cost) == (1, call.total_tokens, call.cost)


async def test_the_model_is_shown_the_conversation_so_far(alice: Person) -> None:
    posted = await alice.ask("say One")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        message, _, _ = await answered(alice, "Hello again", posted["thread_id"])

    assert "2 messages from you" in str(message["content"])


@pytest.mark.parametrize(
    ("script", "status", "state", "begins"),
    [
        ("status=500", "error", "failed", False),
        ("status=429 retry_after=0.01", "error", "failed", False),
        ("status=401", "error", "failed", False),
        ("html=502", "error", "failed", False),
        ("cut=3", "interrupted", "interrupted", True),
        ("eof=3", "interrupted", "interrupted", True),
        ("badjson=3", "interrupted", "interrupted", True),
        ("midutf8=3", "interrupted", "interrupted", True),
        ("error=3", "error", "failed", True),
        ("failed", "error", "failed", True),
        ("filter", "error", "failed", True),
        ("incomplete", "final", "completed", True),
    ],
)
async def test_a_model_that_fails_gets_an_honest_end_with_the_text_kept(
    alice: Person, model: OfflineServer, script: str, status: str, state: str, begins: bool
) -> None:
    posted = await alice.ask(f"Show me some code [offline: {script}]")
    async with alice.tab(posted["thread_id"]) as tab:
        message = await tab.until_finished(posted["reply_id"])
    row = await ChatMessage.get(id=posted["reply_id"])
    generation = await Generation.get(answer_id=row.id)
    last = tab.frames[-1]

    assert (message["status"], row.status, generation.state) == (status, status, state)
    assert message["content"] == row.content
    assert bool(row.content) is begins
    assert row.error and "offline" not in row.error, "people get a sentence of ours"
    if last["type"] != "thread.snapshot":
        assert last["type"] == ("response.error" if status == "error" else "final")
        assert last["message"] == row.error
    call = await LLMCallLog.get(generation_id=generation.id)
    assert call.estimated is (script in ("html=502", "cut=3", "eof=3", "badjson=3", "midutf8=3", "error=3")), script
    assert await model.creates(str(generation.id)) <= 1
    assert (await alice.post("And now?", posted["thread_id"])).status_code == 201, "the thread is free again"


async def test_text_that_cannot_be_stored_arrives_mended(alice: Person) -> None:
    for script in ("surrogates", "nul"):
        message, _, _ = await answered(alice, f"Hello [offline: {script}]")
        assert message["status"] == "final"
        assert "\x00" not in str(message["content"])


async def test_a_tool_runs_between_two_rounds_of_one_reply(alice: Person, model: OfflineServer) -> None:
    message, generation, tab = await answered(alice, "What is 12 * 7?")
    call = await ToolCall.get(generation_id=generation.id)
    rounds = await LLMCallLog.filter(generation_id=generation.id).order_by("round")

    assert "84" in str(message["content"])
    assert (call.name, call.state, call.output) == ("calculate", "done", "84")
    assert [one.round for one in rounds] == [1, 2]
    assert await model.creates(str(generation.id)) == 2
    told = [frame["status"] for frame in tab.frames if frame["type"] == "response.tool_call"]
    assert told in (["running", "done"], ["done"], []), told
    stored = (await alice.messages(str(generation.thread_id)))[-1]["tools"]
    assert [(one["name"], one["status"], one["output"]) for one in stored] == [("calculate", "done", "84")]


async def test_an_unknown_tool_is_a_result_that_the_model_reads(alice: Person) -> None:
    message, generation, _ = await answered(alice, "Hello [offline: tool=launch_rockets]")

    assert message["status"] == "final"
    assert (await ToolCall.get(generation_id=generation.id)).state == "failed"


async def test_a_model_that_only_calls_tools_is_stopped_after_eight_rounds(alice: Person, model: OfflineServer) -> None:
    message, generation, _ = await answered(alice, "Hello [offline: loop]")

    assert (message["status"], generation.reason) == ("error", "tool_rounds")
    assert await model.creates(str(generation.id)) == 8


async def test_stop_keeps_what_was_seen_and_ends_the_call(alice: Person, model: OfflineServer) -> None:
    posted = await alice.ask("Tell me something long [offline: pace=20]")
    async with alice.tab(posted["thread_id"]) as tab, alice.tab(posted["thread_id"]) as other:
        seen = await tab.until_text(posted["reply_id"], 20)
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        message = await tab.until_finished(posted["reply_id"])
        same = await other.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    row = await ChatMessage.get(id=posted["reply_id"])

    assert message["status"] == same["status"] == row.status == "stopped"
    assert message["content"] == same["content"] == row.content
    assert row.content.startswith(seen)
    assert generation.state == "cancelled"
    call = await LLMCallLog.get(generation_id=generation.id)
    assert (call.status, call.estimated, call.total_tokens) == (
        "stopped",
        True,
        call.input_tokens + call.output_tokens,
    )
    assert call.input_tokens > (await count_tokens([prompt.instructions(site_name="Quart Chat")]))[0]
    assert call.output_tokens == (await count_tokens([row.content]))[0]
    billed = await model.billed(str(generation.id))
    assert billed[0]["status"] != "completed", "the provider saw the connection close"


async def test_stop_of_what_does_not_run_is_refused_and_strangers_cannot_stop(alice: Person, bob: Person) -> None:
    posted = await alice.ask("Hello [offline: pace=20]")
    other = await bob.ask("Hello")
    async with alice.tab(posted["thread_id"]) as tab, bob.tab(other["thread_id"]) as stranger:
        await stranger.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        assert (await stranger.until_type("error"))["code"] == "not_running"
        assert (await tab.until_finished(posted["reply_id"]))["status"] == "final"
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        assert (await tab.until_type("error"))["code"] == "not_running"


async def test_closing_every_tab_changes_nothing(alice: Person) -> None:
    posted = await alice.ask("Show me a table [offline: pace=10]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 5)
    async with alice.tab(posted["thread_id"]) as tab:
        message = await tab.until_finished(posted["reply_id"])

    assert message["status"] == "final"


async def test_while_it_runs_the_text_is_kept_in_checkpoints(alice: Person) -> None:
    posted = await alice.ask("Tell me something long [offline: pace=25]")
    async with alice.tab(posted["thread_id"]) as tab, asyncio.timeout(WAIT_SECONDS):
        while not (generation := await Generation.get(answer_id=posted["reply_id"])).partial:
            await tab.receive()
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        message = await tab.until_finished(posted["reply_id"])

    assert message["content"].startswith(generation.partial)
    assert generation.partial_len == len(generation.partial)
    assert (generation.response_id, generation.up_seq > 0, generation.ckpt_s > 0) == (
        generation.response_id,
        True,
        True,
    )
    assert generation.response_id


async def lost(person: Person, text: str, **columns: object) -> tuple[dict[str, str], Generation]:
    """A reply whose worker is gone."""
    posted = await person.ask("say Hello")
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    await ChatMessage.filter(id=posted["reply_id"]).update(status="streaming", content="")
    past = datetime.now(UTC) - timedelta(seconds=1)
    values = {"state": "running", "owner": "gone:1:x", "lease_until": past, "partial": text, "ckpt_s": 0, **columns}
    await Generation.filter(id=generation.id).update(**values)
    return posted, generation


@pytest.mark.parametrize(
    ("checkpoint", "kept"),
    [("Hel", "Hello"), ("", "Hello"), ("Hello, and more than the log has", "Hello, and more than the log has")],
)
async def test_a_reply_of_a_lost_worker_ends_as_interrupted_with_its_text(
    alice: Person, checkpoint: str, kept: str
) -> None:
    posted, generation = await lost(alice, checkpoint, ckpt_epoch="00000000", ckpt_s=9)
    row = await ended(posted["reply_id"])
    after = await Generation.get(id=generation.id)

    assert (row.status, row.content) == ("interrupted", kept), "a checkpoint, and what the log has beyond it"
    assert row.error
    assert (after.state, after.takeovers, after.fence) == ("interrupted", 1, generation.fence + 2)


async def test_an_owner_that_wakes_in_the_middle_of_its_takeover_shows_nothing_that_is_then_lost(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    reckon = patches.LOST_ROUND.value

    async def while_it_wakes(claim: lease.Claim, text: str, deps: Deps) -> CallLog:
        more = Append(claim.thread_id, TextDelta(claim.answer_id, 5, " and more"), fence=claim.fence - 1)
        written.append((await site.resources.broadcast.log.append(more)).offset)
        return await reckon(claim, text, deps)

    patches.LOST_ROUND.replace(monkeypatch, while_it_wakes)
    posted, _ = await lost(alice, "Hello")

    assert (await ended(posted["reply_id"])).content == "Hello"
    assert written == [-1]


async def test_a_reply_that_never_started_is_run_by_the_worker_that_finds_it(
    alice: Person, site: Site, model: OfflineServer
) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    past = (await ChatThread.get(id=posted["thread_id"])).created_at.replace(year=2020)
    await ChatMessage.filter(id=posted["reply_id"]).update(status="streaming", content="")
    await Generation.filter(answer_id=posted["reply_id"]).update(
        state="queued", owner=None, lease_until=None, request_at=None, created_at=past
    )

    assert ((await ended(posted["reply_id"])).content) == "Hello"


async def test_a_stopped_reply_of_a_lost_worker_ends_as_stopped(alice: Person) -> None:
    posted, generation = await lost(alice, "Some text")
    await Generation.filter(id=generation.id).update(cancel_at=generation.created_at)

    assert (await ended(posted["reply_id"])).status == "stopped"


async def test_one_of_two_concurrent_claims_wins_a_thousand_times(alice: Person) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    future = generation.created_at.replace(year=2090)  # or a worker's reaper would be a third
    for _ in range(1000):
        await Generation.filter(id=generation.id).update(state="queued", owner=None, created_at=future)
        claims = await asyncio.gather(*(lease.claim(generation.id, owner=str(n)) for n in range(2)))
        [(winner, won)] = [(str(number), claim) for number, claim in enumerate(claims) if claim]
        assert (await Generation.get(id=generation.id)).owner == winner
        await lease.checkpoint(won, lease.Checkpoint(lease.AnswerSoFar("x"), 1, 1, LogPosition()))
    await Generation.filter(id=generation.id).update(state="completed")


def tools_of(claim: lease.Claim, site: Site) -> ToolCalls:
    """The tools of an answer, as this owner runs them."""
    deps = site.resources
    live_text = LiveText(claim, broadcast=deps.broadcast, flush_seconds=0)
    journal = ReplyJournal(claim, live_text, deps)
    return ToolCalls(claim, live_text, deps.tools, journal)


async def test_an_owner_that_lost_its_lease_writes_nothing_and_runs_no_tool(alice: Person, site: Site) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    future = generation.created_at.replace(year=2090)
    await Generation.filter(id=generation.id).update(state="queued", owner=None, created_at=future)
    first = await lease.claim(generation.id, owner="first")
    await Generation.filter(id=generation.id).update(lease_until=generation.created_at)
    second = await lease.claim(generation.id, owner="second")

    assert first is not None
    assert second is not None
    assert second.fence == first.fence + 2
    for write in (
        lease.asking(
            first, lease.Checkpoint(lease.AnswerSoFar("zombie"), 6, 1, LogPosition()), model="m", background=False
        ),
        lease.response_created(first, str(uuid.uuid4()), 0),
        lease.checkpoint(first, lease.Checkpoint(lease.AnswerSoFar("zombie"), 6, 1, LogPosition())),
    ):
        with pytest.raises(lease.Fenced):
            await write
    call = ToolCallEvent(call_id="one", name="secret_number", arguments="{}", sequence=1)
    for owner, runs in ((first, False), (second, True), (second, True), (first, False)):
        with contextlib.nullcontext() if runs else pytest.raises(lease.Fenced):
            await tools_of(owner, site).run(call)
        assert await ToolCall.filter(generation_id=generation.id).count() <= 1
    assert await query(ENDED, generation.id, first.fence, "one", "late", "done", 1) == []
    assert (await ToolCall.get(generation_id=generation.id)).output != "late"
    assert (await Generation.get(id=generation.id)).partial == ""
    await Generation.filter(id=generation.id).update(state="completed")


async def test_a_user_who_leaves_while_sending_still_gets_an_answer(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> list[uuid.UUID]:
        return []

    patches.EXPIRED.replace(monkeypatch, nothing)  # no worker may find it
    user = await User.get(email=alice.email)
    for steps in range(12):
        client_id = uuid.uuid4()
        sending = asyncio.create_task(send(site.resources, user, None, MessageSend(client_id, "say Hello")))
        for _ in range(steps):
            await asyncio.sleep(0)
        sending.cancel()
        if steps:  # it had begun
            stored = await eventually(ChatMessage.filter(client_id=client_id).first)
            generation = await Generation.get(user_message_id=stored.id)
            assert (await ended(str(generation.answer_id))).content == "Hello"
