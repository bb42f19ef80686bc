"""The queue over HTTP and sockets: forms without JavaScript, strangers, nonsense, and limits."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from chat.database import DatabaseUnavailable
from chat.models import QueuedMessage, User
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND
from tests.support import patches
from tests.support.cast import Person
from tests.support.client import new_client, without_id
from tests.support.page import Page
from tests.support.queues import Gate, all_answered, asked, gated, posted, press, queue_up, waiting
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.sockets import closed

BUTTONS = ("take", "remove", "send-now", "resume")
FRAMES = ("queue.take", "queue.remove", "queue.send_now", "queue.resume")


@pytest.fixture
async def gate(site: Site) -> AsyncIterator[Gate]:
    """Answers end when the test lets them."""
    with gated(site) as gate:
        yield gate
        await QueuedMessage.all().delete()


async def queue_of(person: Person, *texts: str) -> tuple[str, list[str]]:
    """A thread with a running answer and these messages behind it; returns its id and their client ids."""
    thread_id = (await person.ask("say zero"))["thread_id"]
    ids = [str(uuid.uuid4()) for _ in texts]
    for client_id, text in zip(ids, texts, strict=True):
        assert (await posted(person, thread_id, text, client_id)).status_code == 202
    return thread_id, ids


# Without JavaScript


async def test_a_form_queues_a_message_and_leads_back_to_the_chat(alice: Person, gate: Gate) -> None:
    thread_id, _ = await queue_of(alice)
    fields = {"message": "say one", "client_id": str(uuid.uuid4()), "queue": "1"}
    answers = [await alice.http.post(f"/chat/{thread_id}/", data=fields) for _ in range(2)]

    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, f"/chat/{thread_id}/")}
    assert await waiting(thread_id) == ["say one"]


async def test_the_form_that_takes_a_message_back_puts_it_into_the_composer(alice: Person, gate: Gate) -> None:
    thread_id, [client_id] = await queue_of(alice, "say one\n\n  indented")
    answer = await alice.http.post(f"/chat/{thread_id}/queue/take/", data={"client_id": client_id})
    again = await alice.http.post(f"/chat/{thread_id}/queue/take/", data={"client_id": client_id})

    assert answer.status_code == 200
    assert "say one\n\n  indented" in answer.text
    assert await waiting(thread_id) == []
    assert again.status_code == 409
    assert "That message has already been sent or removed." in Page(again.text).text
    assert "say one\n\n  indented" in again.text, "the first page may not have arrived"


async def test_the_page_of_a_form_has_the_addresses_of_its_chat(alice: Person, gate: Gate) -> None:
    """A relative address would lead below the form's own, where nothing is."""
    thread_id, ids = await queue_of(alice, "say one", "say two")
    await press(alice, thread_id, "send-now", ids[0])
    answer = await alice.http.post(f"/chat/{thread_id}/queue/take/", data={"client_id": ids[1]})
    names = ("href", "action", "formaction")
    addresses = {element[name] for element in Page(answer.text).elements for name in names if element.get(name)}

    assert f"/chat/{thread_id}/head/" in addresses
    assert [address for address in addresses if not address.startswith(("/", "#"))] == []


async def test_a_message_whose_page_fails_is_still_waiting(
    alice: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without the text, and a message that no longer waits, would lose it."""
    thread_id, [client_id] = await queue_of(alice, "say one")

    async def unavailable(*_: object, **__: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patches.SNAPSHOT_MESSAGE_PAGE.replace(patch, unavailable)
        failed = await alice.http.post(f"/chat/{thread_id}/queue/take/", data={"client_id": client_id})
    kept = await waiting(thread_id)
    taken = await alice.http.post(f"/chat/{thread_id}/queue/take/", data={"client_id": client_id})

    assert (failed.status_code, kept) == (503, ["say one"])
    assert (taken.status_code, await waiting(thread_id)) == (200, [])
    assert taken.text.count("say one") == 1, "in the composer, no longer in the queue"


async def test_the_other_forms_lead_back_to_the_chat(alice: Person, gate: Gate) -> None:
    thread_id, ids = await queue_of(alice, "say one", "say two")
    for button, fields in (("remove", {"client_id": ids[0]}), ("resume", {}), ("send-now", {"client_id": ids[1]})):
        answer = await alice.http.post(f"/chat/{thread_id}/queue/{button}/", data=fields)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{thread_id}/")
    gate.let_end(2)
    await all_answered(thread_id, 2)

    assert await asked(thread_id) == ["say zero", "say two"]


# Strangers


@pytest.mark.parametrize("button", BUTTONS)
async def test_a_stranger_finds_no_queue_and_a_visitor_has_to_log_in(
    alice: Person, bob: Person, nobody: Person, gate: Gate, button: str
) -> None:
    thread_id, [client_id] = await queue_of(alice, "say one")
    foreign = await press(bob, thread_id, button, client_id)
    missing = await press(bob, str(uuid.uuid4()), button, client_id)
    unknown = await press(nobody, thread_id, button, client_id)

    assert (foreign.status_code, without_id(foreign)) == (missing.status_code, without_id(missing))
    assert foreign.status_code == 404
    assert unknown.status_code == 401
    assert await waiting(thread_id) == ["say one"]


async def test_a_strangers_message_is_not_queued_in_a_foreign_chat(alice: Person, bob: Person, gate: Gate) -> None:
    thread_id, [client_id] = await queue_of(alice, "say one")
    answers = [await posted(bob, thread_id, "say two", one) for one in (client_id, str(uuid.uuid4()))]

    assert {answer.status_code for answer in answers} == {404}
    assert await waiting(thread_id) == ["say one"]


@pytest.mark.parametrize("kind", FRAMES)
async def test_a_tab_reaches_only_the_queue_of_its_own_chat(alice: Person, bob: Person, gate: Gate, kind: str) -> None:
    thread_id, [client_id] = await queue_of(alice, "say one")
    async with bob.tab(thread_id) as foreign:
        assert await closed(foreign.connection) == 4503
    async with bob.tab(await past_thread(bob)) as own:
        await own.until_type("thread.snapshot")
        await own.send({"type": kind, "client_id": client_id})
        said = None if kind == "queue.resume" else (await own.until_type("error"))["code"]
    async with alice.tab("") as without:
        await without.send({"type": kind, "client_id": client_id})
        refused = await without.until_type("error")

    assert said in (None, "too_late")
    assert refused["code"] == "bad_frame"
    assert await waiting(thread_id) == ["say one"]


# Nonsense


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "queue.take"},
        {"type": "queue.remove", "client_id": "one"},
        {"type": "queue.send_now", "client_id": None},
        {"type": "queue.take", "client_id": ["x"]},
        {"type": "queue.clear"},
        {"type": "message.send", "client_id": str(uuid.uuid4()), "content": "say one", "queue": "yes"},
    ],
)
async def test_a_frame_that_means_nothing_is_refused_and_the_socket_stays(
    alice: Person, gate: Gate, frame: dict[str, object]
) -> None:
    thread_id, _ = await queue_of(alice, "say one")
    async with alice.tab(thread_id) as tab:
        await tab.send(frame)
        assert (await tab.until_type("error"))["code"] == "bad_frame"
        assert (await queue_up(tab, "say two"))["queued"]

    assert await waiting(thread_id) == ["say one", "say two"]


@pytest.mark.parametrize("client_id", ["", "x", "\x00", "1" * 5_000])
@pytest.mark.parametrize("button", ["take", "remove", "send-now"])
async def test_a_form_without_a_proper_id_is_refused(alice: Person, gate: Gate, button: str, client_id: str) -> None:
    thread_id, _ = await queue_of(alice, "say one")
    refused = await press(alice, thread_id, button, client_id)

    assert (refused.status_code, refused.json()["code"]) == (422, "bad_client_id")
    assert await waiting(thread_id) == ["say one"]


async def test_letting_go_on_what_is_not_paused_changes_nothing(alice: Person, gate: Gate) -> None:
    thread_id, _ = await queue_of(alice, "say one")
    assert [(await press(alice, thread_id, "resume")).status_code for _ in range(3)] == [204] * 3
    assert (await press(alice, await past_thread(alice), "resume")).status_code == 204
    assert (await asked(thread_id), await waiting(thread_id)) == (["say zero"], ["say one"])


# Limits


async def test_a_full_process_still_queues_what_another_can_send(
    alice: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id, _ = await queue_of(alice)
    patches.IS_FULL.replace(monkeypatch, True)

    assert (await alice.post("say one")).json()["code"] == "overloaded"
    assert (await posted(alice, thread_id, "say one")).status_code == 202


@pytest.mark.usefixtures("unforgiving")
async def test_a_message_counts_when_it_is_queued_and_not_again_when_it_is_sent(alice: Person, throttled: Site) -> None:
    user = await User.get(email=alice.email)
    limits = throttled.resources.limits
    with gated(throttled) as gate:
        browser = {"base_url": throttled.url, "headers": {"Origin": throttled.url}, "cookies": alice.http.cookies}
        async with new_client(**browser) as http:
            here = Person(throttled, http, alice.email)
            thread_id = (await here.ask("say zero"))["thread_id"]
            await limits.reset(MESSAGE_EACH_SECOND, str(user.id))
            client_id = str(uuid.uuid4())
            first = [await posted(here, thread_id, "say one", client_id) for _ in range(3)]
            second = await posted(here, thread_id, "say two")
        gate.let_end(2)
        await all_answered(thread_id, 2)

    assert {answer.status_code for answer in first} == {202}, "a copy is not counted"
    assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
    left_ms = await limits._redis.pttl(f"limit:{MESSAGE_EACH_MINUTE.name}:{user.id}")
    assert -(-left_ms // MESSAGE_EACH_MINUTE.interval_ms) == 2
