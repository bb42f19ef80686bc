"""Sending a message: stored once, answered once, refused without a trace."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageSend
from chat.llm.client import LLMClient
from chat.llm.price import parse_price
from chat.llm.pricing import Prices
from chat.models import BudgetReservation, ChatMessage, ChatThread, Generation, User
from chat.services.errors import Refused
from chat.services.replies import send
from chat.services.replies.lease import Claim
from chat.services.replies.storing import Accepted
from chat.services.replies.worker import Worker
from tests.support.site import Site

MODELS = ("the-default", "small", "large")
DROP_ANSWERS = "DELETE FROM generation USING chat_thread WHERE chat_thread.id = thread_id AND user_id = $1"
PRICES = Prices(tuple((model, parse_price("1/1")) for model in MODELS))


class Priced(LLMClient):
    """A client that is never called."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices


class IdleWorker(Worker):
    """A worker that accepts messages and answers none."""

    def answering(self, claim: Claim) -> AbstractContextManager[None]:
        """Leave the answer as it is."""
        return nullcontext()


@dataclass
class Sender:
    """A user who sends straight through the service; nothing is answered."""

    user: User
    site: Site
    prices: Prices = PRICES
    room: int = 1

    async def send(
        self,
        content: str,
        thread_id: uuid.UUID | None = None,
        client_id: uuid.UUID | None = None,
        *,
        model: str = "",
        models: tuple[str, ...] = MODELS,
        draining: bool = False,
        **settings: Any,
    ) -> Accepted:
        worker = IdleWorker(most_replies=self.room)
        worker.draining = draining
        choice = {"llm_model": models[0], "llm_models": models[1:]}
        deps = replace(
            self.site.resources,
            settings=replace(self.site.resources.settings, **choice, **settings),
            llm=Priced(self.prices),
            worker=worker,
        )
        message = MessageSend(client_id or uuid.uuid4(), content, model)
        return await send.send(deps, self.user, thread_id, message)

    async def refused(self, content: str, thread_id: uuid.UUID | None = None, **more: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            await self.send(content, thread_id, **more)
        return refused.value


@asynccontextmanager
async def sender(name: str, site: Site) -> AsyncIterator[Sender]:
    """At the end no answer is left: the site's worker would take them over during later tests."""
    user = await User.create(email=f"{name}-{uuid.uuid4().hex}@example.com", password_hash="x")
    yield Sender(user, site)
    await query(DROP_ANSWERS, user.id)


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Sender]:
    async with sender("alice", site) as alice:
        yield alice


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Sender]:
    async with sender("bob", site) as bob:
        yield bob


async def finished(accepted: Accepted) -> None:
    """Mark the answer as finished, so that another message can be sent."""
    await Generation.filter(id=accepted.generation_id).update(state="completed")


async def test_a_message_stores_an_empty_answer_and_a_queued_generation(alice: Sender) -> None:
    accepted = await alice.send("Hello there")

    thread = await ChatThread.get(id=accepted.thread_id)
    stored = await ChatMessage.filter(thread_id=thread.id).order_by("number")
    assert [(one.number, one.role, one.status, one.content) for one in stored] == [
        (1, "user", "final", "Hello there"),
        (2, "assistant", "streaming", ""),
    ]
    assert (thread.rev, thread.message_count, thread.title) == (1, 2, "Hello there")
    assert (await Generation.get(id=accepted.generation_id)).state == "running"
    assert accepted.fresh


async def test_the_same_message_again_is_acknowledged_and_stored_once(alice: Sender) -> None:
    client_id = uuid.uuid4()
    first = await alice.send("Hello", client_id=client_id)
    again = await alice.send("Hello", first.thread_id, client_id)
    as_a_form = await alice.send("Hello", None, client_id)

    assert (again.message_id, again.answer_id, again.fresh) == (first.message_id, first.answer_id, False)
    assert as_a_form.message_id == first.message_id
    assert await ChatMessage.filter(thread_id=first.thread_id).count() == 2


async def test_the_same_message_many_times_at_once_is_stored_once(alice: Sender) -> None:
    client_id = uuid.uuid4()
    results = await asyncio.gather(*(alice.send("Hello", None, client_id) for _ in range(20)))

    assert len({one.message_id for one in results}) == 1
    assert sum(one.fresh for one in results) == 1
    assert await ChatThread.filter(user_id=alice.user.id).count() == 1


async def test_what_is_stored_is_acknowledged_whatever_would_refuse_it_now(alice: Sender) -> None:
    client_id = uuid.uuid4()
    first = await alice.send("Hello", client_id=client_id, model="small")
    draining = await alice.send("Hello", first.thread_id, client_id, draining=True)
    withdrawn = await alice.send("Hello", first.thread_id, client_id, model="small", models=("large",))

    assert {one.message_id for one in (draining, withdrawn)} == {first.message_id}
    assert (await alice.refused("Hello", draining=True)).code == "draining"


async def test_one_of_many_concurrent_messages_is_accepted_and_the_others_are_busy(alice: Sender) -> None:
    opened = await alice.send("First")
    await finished(opened)
    results = await asyncio.gather(
        *(alice.send(f"Number {number}", opened.thread_id) for number in range(100)), return_exceptions=True
    )

    taken = [one for one in results if isinstance(one, Accepted)]
    codes = {one.code for one in results if isinstance(one, Refused)}
    assert len(taken) == 1
    assert codes == {"busy"}
    assert await ChatMessage.filter(thread_id=opened.thread_id).count() == 4
    assert (await ChatThread.get(id=opened.thread_id)).rev == 2


async def test_a_message_while_one_is_answered_is_refused_as_busy(alice: Sender) -> None:
    opened = await alice.send("First")

    assert (await alice.refused("Second", opened.thread_id)).code == "busy"


@pytest.mark.parametrize("content", ["", "   ", "\n\t\n", "\u200b\u200d", "\U000e0041\U000e0042", "\u3164\n\u2800"])
async def test_nothing_is_not_a_message(alice: Sender, content: str) -> None:
    assert (await alice.refused(content)).code == "empty"
    assert not await ChatThread.filter(user_id=alice.user.id).exists()


async def test_hidden_characters_of_a_message_are_not_stored(alice: Sender) -> None:
    accepted = await alice.send("\u200b\nWave \U0001f469\u200d\U0001f680\U000e0069\U000e0067 \u0645\u06cc\u200c\u062e")

    stored = "\u200b\nWave \U0001f469\u200d\U0001f680 \u0645\u06cc\u200c\u062e"
    assert (await ChatMessage.get(id=accepted.message_id)).content == stored
    assert (await ChatThread.get(id=accepted.thread_id)).title == stored.split("\n")[1]


async def test_the_longest_message_is_accepted_and_a_longer_one_is_not(alice: Sender) -> None:
    refused = await alice.refused("x" * (MESSAGE_MAX_LENGTH + 1))
    accepted = await alice.send("😀" * MESSAGE_MAX_LENGTH, chat_history_tokens=MESSAGE_MAX_LENGTH)

    assert refused.code == "too_long"
    assert "32,001" in str(refused)
    assert len((await ChatMessage.get(id=accepted.message_id)).content) == MESSAGE_MAX_LENGTH


async def test_what_postgresql_cannot_store_is_replaced_and_nothing_is_lost(alice: Sender) -> None:
    accepted = await alice.send("a\x00b\ud800c😀")

    assert (await ChatMessage.get(id=accepted.message_id)).content == "a\ufffdb\ufffdc😀"


async def test_a_foreign_thread_and_a_missing_one_get_the_same_answer(alice: Sender, bob: Sender) -> None:
    opened = await alice.send("Mine")
    await finished(opened)
    foreign = await bob.refused("Yours", opened.thread_id)
    missing = await bob.refused("Nobody's", uuid.uuid4())

    assert (foreign.code, str(foreign)) == (missing.code, str(missing)) == ("not_found", "This chat doesn't exist.")
    assert await ChatMessage.filter(thread_id=opened.thread_id).count() == 2


async def test_a_strangers_client_id_finds_nothing(alice: Sender, bob: Sender) -> None:
    client_id = uuid.uuid4()
    mine = await alice.send("Mine", None, client_id)
    theirs = await bob.send("Theirs", None, client_id)

    assert mine.thread_id != theirs.thread_id


# The choice of a model


async def models_of(accepted: Accepted) -> tuple[str, str]:
    """The thread's model, and this answer's model."""
    thread = await ChatThread.get(id=accepted.thread_id)
    return thread.model, (await Generation.get(id=accepted.generation_id)).model


async def test_without_a_choice_the_default_is_asked(alice: Sender) -> None:
    assert await models_of(await alice.send("Hello")) == ("", "the-default")


async def test_a_choice_is_kept_until_another_is_made(alice: Sender) -> None:
    seen = []
    thread_id = None
    for model in ("small", "", "large", ""):
        accepted = await alice.send("Hello", thread_id, model=model)
        await finished(accepted)
        thread_id = accepted.thread_id
        seen.append(await models_of(accepted))

    assert seen == [("small", "small"), ("small", "small"), ("large", "large"), ("large", "large")]


async def test_a_model_that_is_no_longer_offered_is_replaced_by_the_default(alice: Sender) -> None:
    first = await alice.send("Hello", model="small")
    await finished(first)
    second = await alice.send("Again", first.thread_id, models=("the-default", "large"))

    assert await models_of(second) == ("small", "the-default")


@pytest.mark.parametrize("unknown", ["unheard-of", " small", "SMALL", "sm\x00all", "\ud800", "x" * 1000])
async def test_a_model_that_is_not_offered_is_refused_and_nothing_is_stored(alice: Sender, unknown: str) -> None:
    first = await alice.send("Hello", model="large")
    await finished(first)
    opening, going_on = (
        await alice.refused("Hi", model=unknown),
        await alice.refused("Hi", first.thread_id, model=unknown),
    )

    assert opening.code == going_on.code == "unknown_model"
    assert str(opening) == "This model isn't available. Choose one of: the-default, small, large."
    thread = await ChatThread.get(user_id=alice.user.id)  # there is only one
    assert (thread.model, thread.rev) == ("large", 1)
    assert await ChatMessage.filter(thread_id=thread.id).count() == 2


async def test_a_repeated_message_does_not_change_the_chosen_model(alice: Sender) -> None:
    client_id = uuid.uuid4()
    first = await alice.send("Hello", client_id=client_id, model="small")
    again = await alice.send("Hello", first.thread_id, client_id, model="large")

    assert not again.fresh
    assert await models_of(again) == ("small", "small")


async def test_a_message_with_more_tokens_than_the_model_is_shown_is_refused_with_its_count(alice: Sender) -> None:
    refusal = await alice.refused(" ".join(["word"] * 600), chat_history_tokens=500)

    assert refusal.code == "too_long"
    assert str(refusal) == "Your message has 600 tokens. The maximum is 500. Shorten it."
    assert not await ChatThread.filter(user_id=alice.user.id).exists()


async def test_a_message_of_many_bytes_and_few_tokens_is_accepted(alice: Sender) -> None:
    assert (await alice.send("word " * 400, chat_history_tokens=500)).fresh


async def test_concurrent_answers_are_limited(alice: Sender, bob: Sender) -> None:
    limited = {"rate_limits": True, "llm_concurrent_replies": 3}
    sent = await asyncio.gather(*(alice.send("Hello", **limited) for _ in range(12)), return_exceptions=True)
    taken = [one for one in sent if isinstance(one, Accepted)]
    refused = [one for one in sent if isinstance(one, Refused)]

    assert (len(taken), len(refused)) == (3, 9)
    assert {one.code for one in refused} == {"busy"}
    assert await ChatThread.filter(user_id=alice.user.id).count() == 3
    assert (await bob.send("Hello", **limited)).fresh
    await finished(taken[0])
    assert (await alice.send("Hello", **limited)).fresh


async def test_a_message_over_budget_is_refused_and_stores_nothing(alice: Sender) -> None:
    refusal = await alice.refused("Hello", llm_monthly_budget=Decimal("0.001"), llm_max_output_tokens=1000)

    assert refusal.code == "budget_exceeded"
    assert "It resets on 1 " in str(refusal)
    assert refusal.retry_ms == 0
    assert not await ChatThread.filter(user_id=alice.user.id).exists()
    assert not await BudgetReservation.filter(user_id=alice.user.id).exists()


async def test_messages_at_once_cannot_overrun_the_budget(alice: Sender) -> None:
    bound = {"llm_monthly_budget": Decimal("0.0205"), "llm_max_output_tokens": 10_000}  # a cent each
    sent = await asyncio.gather(*(alice.send("Hello", **bound) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(one, Accepted) for one in sent) == 2
    assert {one.code for one in sent if isinstance(one, Refused)} == {"budget_exceeded"}
    assert await BudgetReservation.filter(user_id=alice.user.id).count() == 2


async def test_a_stored_message_is_acknowledged_when_the_budget_is_spent(alice: Sender) -> None:
    client_id = uuid.uuid4()
    first = await alice.send("Hello", client_id=client_id)
    again = await alice.send("Hello", None, client_id, llm_monthly_budget=Decimal("0.001"))

    assert again.message_id == first.message_id


async def test_a_full_server_stores_and_counts_nothing_but_still_acknowledges_what_it_has(alice: Sender) -> None:
    stored = await alice.send("Before")
    client_id = (await ChatMessage.get(id=stored.message_id)).client_id
    await finished(stored)
    alice.room = 0
    refused = await alice.refused("Now", stored.thread_id)
    first = await alice.refused("Now")
    again = await alice.send("Before", stored.thread_id, client_id)
    assert {refused.code, first.code} == {"overloaded"}
    assert (again.message_id, again.fresh) == (stored.message_id, False)
    assert await ChatMessage.filter(thread__user=alice.user).count() == 2
