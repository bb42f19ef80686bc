"""Nonsense in every field of the forms of a chat: refused in words, and nothing is stored."""

from __future__ import annotations

import json
import uuid

import pytest

from chat.models import ChatMessage, ChatThread
from tests.support.cast import Person
from tests.support.replies import ended

# NUL, half an emoji, half a character, very much, and something that is almost an id.
NONSENSE = ["%00", "%ED%A0%80", "%F0%9F", "1" * 100_000, str(uuid.uuid4()) + "%00"]
FIELDS = [
    ("again/", "message_id"),
    ("again/", "model"),
    ("again/", "client_id"),
    ("head/", "message_id"),
    ("branch/", "message_id"),
    ("branch/", "client_id"),
    ("queue/take/", "client_id"),
    ("queue/remove/", "client_id"),
    ("queue/send-now/", "client_id"),
    ("", "model"),
    ("", "edits"),
    ("", "client_id"),
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(("address", "field"), FIELDS)
async def test_nonsense_in_a_field_is_refused(alice: Person, address: str, field: str) -> None:
    posted = await alice.ask("say one")
    await ended(posted["reply_id"])
    url = f"/chat/{posted['thread_id']}/{address}"
    good = {"message_id": posted["reply_id"], "message": "say two"}
    fields = "&".join(f"{name}={value}" for name, value in good.items() if name != field)
    for nonsense in NONSENSE:
        for accept in ("application/json", "text/html"):
            headers = {**FORM, "Accept": accept}
            answer = await alice.http.post(url, content=f"{fields}&{field}={nonsense}", headers=headers)
            assert 400 <= answer.status_code < 500, (nonsense[:20], accept)
    file = await alice.http.post(url, data={"message": ""}, files={field: ("x.txt", b"\x00")})
    assert 400 <= file.status_code < 500

    assert await ChatThread.filter(user__email=alice.email).count() == 1
    assert await ChatMessage.filter(thread__user__email=alice.email).count() == 2


@pytest.mark.parametrize("address", ["/chat/{}/?edit=", "/chat/{}/?chats=", "/chat/api/threads/{}/messages/?before="])
async def test_nonsense_in_an_address_is_ignored_or_refused(alice: Person, address: str) -> None:
    thread_id = (await alice.ask("say one"))["thread_id"]
    for nonsense in NONSENSE:
        assert (await alice.http.get(address.format(thread_id) + nonsense[:2_000])).status_code < 500


async def test_nonsense_in_place_of_the_last_message_seen_is_ignored(alice: Person) -> None:
    posted = await alice.ask("say one")
    for nonsense in NONSENSE:
        await ended(posted["reply_id"])
        url, form = f"/chat/{posted['thread_id']}/", f"message=say+two&head_id={nonsense}"
        answer = await alice.http.post(url, content=form, headers={**FORM, "Accept": "application/json"})
        assert answer.status_code == 201
        posted = answer.json()


@pytest.mark.parametrize("value", ["\x00", "\ud800", "1" * 20_000, 1, [], {}, None, True])
async def test_nonsense_in_a_frame_is_refused_and_the_socket_stays(alice: Person, value: object) -> None:
    posted = await alice.ask("say one")
    await ended(posted["reply_id"])
    message = {"type": "message.send", "client_id": str(uuid.uuid4()), "content": "say two"}
    frames = [{**message, "model": value}, {**message, "client_id": value}, {**message, "content": value}]
    frames += [{**message, name: value} for name in ("edits", "head_id") if value is not None]
    frames += [{"type": kind, "client_id": value} for kind in ("queue.take", "queue.remove", "queue.send_now")]
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        for frame in frames:
            await tab.connection.send(json.dumps(frame))  # half an emoji as an escape
            refused = await tab.until(lambda frame: frame["type"] in ("error", "nack", "ack"))
            assert refused["type"] != "ack" or frame.get("content") == value, frame
