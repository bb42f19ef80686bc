"""The websocket: every frame that a broken or hostile tab can send is answered, and a reload misses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
import time
import uuid
from html import unescape

import pytest
import websockets
from hypercorn.protocol.h11 import H11WSConnection
from quart import Quart, Websocket, signals, websocket

from chat.events import Close
from chat.models import AuthSession, ChatMessage, Generation, User
from chat.web.chat.open_sockets import TURNS_AT_ONCE
from tests.support import patches
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.replies import ready
from tests.support.site import Beside, Site
from tests.support.sockets import closed
from tests.support.tab import Store, Tab
from tests.support.waiting import LONG_SECONDS, eventually

HELLO = {"type": "hello", "v": 1, "cursor": "", "rev": 0}


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("not json", Close.BAD_FRAME),
        (b"\x00\x01", Close.BAD_FRAME),
        (b"", Close.BAD_FRAME),
        ("[]", Close.BAD_FRAME),
        ('{"type":"sync"}', Close.BAD_FRAME),
        ('{"type":"hello"}', Close.BAD_FRAME),
        ('{"type":"hello","v":2}', Close.RELOAD),
        ('{"type":"hello","v":1,"cursor":5}', Close.BAD_FRAME),
    ],
)
async def test_a_first_frame_other_than_hello_ends_the_socket(alice: Person, first: str | bytes, code: Close) -> None:
    posted = await ready(alice)
    async with alice.connection(posted["thread_id"]) as connection:
        await connection.send(first)

        assert await closed(connection) == code


async def test_a_silent_tab_is_disconnected(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = await ready(alice)
    patches.HELLO_SECONDS.replace(monkeypatch, 0.1)
    async with alice.connection(posted["thread_id"]) as connection:
        assert await closed(connection) == Close.NO_HELLO


async def test_a_new_title_is_heard_live_in_a_replay_and_in_a_snapshot(alice: Person) -> None:
    posted = await ready(alice)
    path = f"/chat/{posted['thread_id']}/title/"
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        cursor, rev = tab.store.cursor, tab.store.rev
        for title in ("Eggs", "Bacon"):
            await alice.http.post(path, data={"title": title})
            event = await tab.until_type("thread.title.updated")
            sidebar = await tab.until_type("thread.updated")
            assert (event["thread_id"], event["title"], tab.store.title) == (posted["thread_id"], title, title)
            assert (sidebar["title"], sidebar["running"], sidebar["rev"]) == (title, False, event["rev"])
    async with alice.tab(posted["thread_id"], cursor=cursor, rev=rev) as late:
        welcome = await late.until_type("welcome")
        assert (welcome["mode"], welcome["versions"]) == ("replay", True)
        titles = [(await late.until_type("thread.title.updated"))["title"] for _ in range(2)]
        assert (titles, late.store.title, late.store.rev) == (["Eggs", "Bacon"], "Bacon", rev + 2)
    async with alice.tab(posted["thread_id"]) as fresh:
        await fresh.until_type("thread.snapshot")
        assert (fresh.store.title, fresh.store.rev) == ("Bacon", rev + 2)


async def test_a_title_in_the_middle_of_an_answer_loses_nothing(alice: Person) -> None:
    posted = await alice.ask("count to 400 [offline: pace=5]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 100)
        await alice.http.post(f"/chat/{posted['thread_id']}/title/", data={"title": "Numbers"})
        await tab.until_type("thread.title.updated")
        sidebar = await tab.until_type("thread.updated")
        message = await tab.until_finished(posted["reply_id"])

    assert sidebar["running"]
    assert message["content"] == ", ".join(str(number) for number in range(1, 401))
    assert tab.store.title == "Numbers"


async def test_a_title_that_comes_late_does_not_go_back() -> None:
    store = Store(rev=4)
    for rev, title in ((6, "The newer"), (5, "The older"), (3, "Replayed")):
        store.apply(
            {"type": "thread.title.updated", "rev": rev, "thread_id": "t", "title": title, "cursor": f"e:{rev}"}
        )

    assert (store.title, store.rev) == ("The newer", 6)


async def test_a_message_may_name_its_model(beside: Beside) -> None:
    async with beside(LLM_MODELS="large") as site, Person.signed_up(site, "alice") as alice:
        posted = await ready(alice)
        async with alice.tab(posted["thread_id"]) as tab:
            send = {"type": "message.send", "client_id": str(uuid.uuid4()), "content": "say Hi"}
            await tab.send(send | {"model": "unheard-of"})
            nack = await tab.until_type("nack")
            await tab.send(send | {"model": "large"})
            ack = await tab.until_type("ack")
            await tab.until_finished(ack["reply_id"])

        assert (nack["client_id"], nack["code"]) == (send["client_id"], "unknown_model")
        assert nack["message"] == "This model isn't available. Choose one of: gpt-6-luna, large."
        assert (await Generation.get(answer_id=ack["reply_id"])).model == "large"


async def test_a_foreign_thread_and_a_random_one_get_the_same_answer(alice: Person, bob: Person) -> None:
    posted = await ready(alice)
    for thread_id in (posted["thread_id"], str(uuid.uuid4())):
        async with bob.connection(thread_id) as connection:
            await connection.send(json.dumps(HELLO))

            assert await closed(connection) == Close.NO_SUCH_THREAD


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1"])
async def test_another_origin_is_refused_before_the_handshake(alice: Person, origin: str) -> None:
    posted = await ready(alice)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with alice.connection(posted["thread_id"], origin=origin):
            pass

    assert refused.value.response.status_code == 403


async def test_a_visitor_gets_no_socket(alice: Person, nobody: Person) -> None:
    posted = await ready(alice)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with nobody.connection(posted["thread_id"]):
            pass

    assert refused.value.response.status_code == 403


async def test_an_ended_session_gets_the_code_for_the_login_page(alice: Person) -> None:
    posted = await ready(alice)
    user = await User.get(email=alice.email)
    await AuthSession.filter(user_id=user.id).delete()
    async with alice.connection(posted["thread_id"]) as connection:
        await connection.send(json.dumps(HELLO))

        assert await closed(connection) == Close.SESSION_ENDED


async def test_no_compression_is_agreed_upon(alice: Person) -> None:
    posted = await ready(alice)
    cookie = "; ".join(f"{name}={value}" for name, value in alice.http.cookies.items())
    async with websockets.connect(
        f"{alice.site.socket_url}/ws/chat/{posted['thread_id']}/",
        origin=websockets.Origin(alice.site.url),
        additional_headers={"Cookie": cookie},
        compression="deflate",
    ) as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        '"text"',
        "null",
        '{"type":"launch"}',
        '{"no":"type"}',
        '{"type":"message.send","content":"no id"}',
        '{"type":"message.send","client_id":"x","content":"y"}',
        '{"type":"message.send","client_id":"7d444840-9dc0-11d1-b245-5ffdce74fad2","content":7}',
        '{"type":"response.cancel","message_id":"nonsense"}',
        '{"type":"pong","n":"x"}',
        "[" * 2000,
        '{"type":"sync","y":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"type":"hello","v":1}',
        '{"type":"message.send","client_id":"\\ud800","content":"x"}',
    ],
)
async def test_an_invalid_frame_is_refused_and_the_socket_stays(alice: Person, frame: str) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.connection.send(frame)
        refused = await tab.until_type("error")
        acknowledged = await tab.say("say Still here")

    assert refused["code"] == "bad_frame"
    assert acknowledged["type"] == "ack"


async def test_a_binary_frame_ends_the_socket(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.connection.send(b"\x80binary")

        assert await closed(tab.connection) == Close.BAD_FRAME


async def test_an_oversize_frame_ends_the_socket(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.connection.send("x" * 70_000)

        assert await closed(tab.connection) == 1009


async def test_an_open_tab_keeps_no_headers_and_cookies_of_its_handshake(alice: Person) -> None:
    posted = await ready(alice)
    seen: list[Websocket] = []

    async def note(_app: Quart) -> None:
        seen.append(websocket._get_current_object())  # type: ignore[attr-defined]
        assert seen[0].headers["Origin"] == alice.site.url

    with signals.websocket_started.connected_to(note, alice.site.app):
        async with alice.tab(posted["thread_id"]) as tab:
            await tab.until_type("welcome")
            [served] = seen

            assert (list(served.headers), served.scope["headers"], served.cookies) == ([], [], {})


async def test_the_server_keeps_no_state_of_http_for_an_open_tab(alice: Person) -> None:
    def connections() -> list[H11WSConnection]:
        return [one for one in gc.get_objects() if type(one) is H11WSConnection]

    posted = await ready(alice)
    before = connections()
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("welcome")
        [opened] = [one for one in connections() if one not in before]

        assert "h11_connection" not in vars(opened)


async def test_a_flood_ends_the_socket(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        for _ in range(40):
            await tab.connection.send('{"type":"pong","n":0}')

        assert await closed(tab.connection) in (Close.FLOOD, 1006)


@pytest.mark.parametrize(
    ("content", "code"), [("", "empty"), (" \n ", "empty"), ("x" * 32_001, "too_long"), ("é" * 32_001, "too_long")]
)
async def test_a_refused_message_is_not_stored(alice: Person, content: str, code: str) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        refused = await tab.say(content)

    assert (refused["type"], refused["code"]) == ("nack", code)
    assert refused["message"]
    assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 2


@pytest.mark.parametrize(
    "content", ["漢" * 32_000, "😀" * 32_000, 'q"\n' * 10_600, "a\x00b", "x", "\n  if x:\n\ty()\n\n"]
)
async def test_every_message_within_the_limit_is_accepted(alice: Person, content: str) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        acknowledged = await tab.say(content)
        await tab.until_finished(acknowledged["reply_id"])
    stored = (await ChatMessage.get(id=acknowledged["message_id"])).content

    assert stored == content.replace("\x00", "\ufffd")


async def test_half_an_emoji_is_replaced_and_the_message_is_not_lost(alice: Person) -> None:
    posted = await ready(alice)
    client_id = str(uuid.uuid4())
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.connection.send(
            f'{{"type":"message.send","client_id":"{client_id}","content":"a\\ud83db\\ud83d\\ude00"}}'
        )
        acknowledged = await tab.until_type("ack", "nack")
        await tab.until_finished(acknowledged["reply_id"])

    assert (await ChatMessage.get(id=acknowledged["message_id"])).content == "a\ufffdb😀"


async def test_a_message_while_one_is_answered_is_busy_and_the_same_again_is_acknowledged(
    alice: Person, model: OfflineServer
) -> None:
    posted = await ready(alice)
    client_id = str(uuid.uuid4())
    async with alice.tab(posted["thread_id"]) as one, alice.tab(posted["thread_id"]) as two:
        first = await one.say("Tell me something long [offline: pace=15]", client_id)
        refused = await two.say("Me too")
        again, also = await asyncio.gather(one.say("whatever", client_id), two.say("whatever", client_id))
        await one.send({"type": "response.cancel", "message_id": first["reply_id"]})
        await two.until_finished(first["reply_id"])

    assert (refused["type"], refused["code"]) == ("nack", "busy")
    assert first == again == also
    assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 4


async def test_the_other_tab_shows_the_message_and_every_sidebar_is_updated(alice: Person) -> None:
    posted, other = await ready(alice), await ready(alice)
    async with (
        alice.tab(posted["thread_id"]) as one,
        alice.tab(posted["thread_id"]) as two,
        alice.tab(other["thread_id"]) as elsewhere,
    ):
        for tab in (two, elsewhere):
            await tab.until_type("thread.snapshot")
        acknowledged = await one.say("say Hi")
        created = await two.until_type("message.created")
        started = await elsewhere.until_type("thread.updated")
        ended = await elsewhere.until_type("thread.updated")
        await two.until_finished(acknowledged["reply_id"])

    assert (created["message"]["id"], created["message"]["content"]) == (acknowledged["message_id"], "say Hi")
    assert (started["thread_id"], started["running"], ended["running"]) == (posted["thread_id"], True, False)


async def page_of(person: Person, thread_id: str) -> dict[str, str]:
    """The attributes of a thread's page."""
    html = (await person.http.get(f"/chat/{thread_id}/")).text
    found = re.search(r'<main id="chat"([^>]*)>', html)
    assert found
    return dict(re.findall(r'data-([a-z-]+)="([^"]*)"', found[1])) | {"html": html}


async def test_a_reload_during_an_answer_continues_where_the_page_ends(alice: Person) -> None:
    posted = await alice.ask("Show me a table and some code [offline: pace=8]")
    async with alice.tab(posted["thread_id"]) as tab:
        seen = await tab.until_text(posted["reply_id"], 30)
    page = await page_of(alice, posted["thread_id"])
    shown = (await alice.messages(posted["thread_id"]))[-1]
    async with alice.connection(posted["thread_id"]) as connection:
        tab = Tab(connection)
        tab.store.messages = [{**shown, "content": text_in(page["html"], posted["reply_id"])}]
        assert tab.store.messages[0]["content"].startswith(seen)
        await tab.hello(cursor=page["cursor"], rev=int(page["rev"]))
        message = await tab.until_finished(posted["reply_id"])

    assert tab.frames[0]["mode"] == "replay"
    assert message["content"] == (await ChatMessage.get(id=posted["reply_id"])).content


def text_in(html: str, message_id: str) -> str:
    """The text of a message as the page shows it before any script has run."""
    article = html[html.index(f'data-message-id="{message_id}"') :]
    found = re.search(r'class="markdown-content[^>]*>(.*?)</div>', article, re.S)
    assert found
    return unescape(found[1])


async def test_an_old_cursor_gets_a_replay_and_a_nonsense_one_a_snapshot(alice: Person) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        acknowledged = await tab.say("say Again")
        await tab.until_finished(acknowledged["reply_id"])
        epoch, last = tab.store.cursor.split(":")
    modes = {}
    for cursor in (f"{epoch}:1", f"{epoch}:{last}", f"{epoch}:{int(last) + 5}", "00000000:1", "", "nonsense", "a:b"):
        async with alice.tab(posted["thread_id"], cursor=cursor, rev=tab.store.rev) as again:
            modes[cursor] = (await again.until_type("welcome"))["mode"]
    async with alice.tab(posted["thread_id"], cursor=f"{epoch}:1", rev=0, want="snapshot") as again:
        wished = (await again.until_type("welcome"))["mode"]

    assert list(modes.values()) == ["replay", "replay", *["snapshot"] * 5]
    assert wished == "snapshot"


async def test_a_tab_whose_rev_is_behind_and_whose_log_is_gone_gets_a_snapshot(alice: Person, site: Site) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        cursor, rev = tab.store.cursor, tab.store.rev
    async with alice.tab(posted["thread_id"], cursor=cursor, rev=rev) as same:
        assert (await same.until_type("welcome"))["mode"] == "replay"
    async with alice.tab(posted["thread_id"], cursor=cursor, rev=rev - 1) as behind:
        assert (await behind.until_type("welcome"))["mode"] == "snapshot"


async def test_sync_brings_the_thread_as_it_is(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        await tab.send({"type": "sync"})
        snapshot = await tab.until_type("thread.snapshot")

    assert [message["content"] for message in snapshot["messages"]] == ["say Hello", "Hello"]


async def test_losing_all_of_redis_during_an_answer_costs_a_snapshot_and_no_text(alice: Person, site: Site) -> None:
    posted = await alice.ask("Show me a table and some code [offline: pace=8]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        await site.resources.redis.delete(*(f"{{t:{posted['thread_id']}}}:{name}" for name in ("log", "meta")))
        message = await tab.until_finished(posted["reply_id"])

    assert message["content"] == (await ChatMessage.get(id=posted["reply_id"])).content


async def test_a_tab_that_does_not_answer_pings_is_let_go(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = await ready(alice)
    patches.PING_SECONDS.replace(monkeypatch, 0.1)
    patches.PONG_SECONDS.replace(monkeypatch, 0.2)
    async with alice.connection(posted["thread_id"]) as connection:
        await connection.send(json.dumps(HELLO))

        assert await closed(connection) == Close.NO_PONG


async def test_a_pong_that_arrived_while_the_process_was_busy_is_in_time(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.PING_SECONDS.replace(monkeypatch, 0.1)
    patches.PONG_SECONDS.replace(monkeypatch, 1)
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("ping")  # and answered
        patches.PONG_SECONDS.replace(monkeypatch, LONG_SECONDS)
        time.sleep(2.5)  # noqa: ASYNC251 - the loop has to be busy
        assert (await tab.until_type("ping"))["n"] > 1


async def test_a_tab_that_answers_pings_stays(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.PING_SECONDS.replace(monkeypatch, 0.05)
    patches.PONG_SECONDS.replace(monkeypatch, LONG_SECONDS)
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        pings = [(await tab.until_type("ping"))["n"] for _ in range(3)]

    assert pings == [1, 2, 3]


async def test_a_user_has_twenty_sockets_at_most(alice: Person) -> None:
    posted = await ready(alice)
    async with asyncio.timeout(LONG_SECONDS):
        tabs = [alice.tab(posted["thread_id"]) for _ in range(20)]
        for tab in tabs:
            await (await tab.__aenter__()).until_type("welcome")
        async with alice.connection(posted["thread_id"]) as one_more:
            await one_more.send(json.dumps(HELLO))
            assert await closed(one_more) == Close.TOO_MANY_SOCKETS
        for tab in tabs:
            await tab.__aexit__(None, None, None)


async def test_sockets_that_say_nothing_count_as_well(alice: Person, bob: Person) -> None:
    posted, other = await ready(alice), await ready(bob)
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(alice.connection(posted["thread_id"])) for _ in range(30)]
        codes = await asyncio.gather(*(closed(connection) for connection in silent))
        async with bob.tab(other["thread_id"]) as tab:
            await tab.until_type("welcome")

    assert sorted(codes) == [Close.NO_HELLO] * 20 + [Close.TOO_MANY_SOCKETS] * 10


async def test_many_new_sockets_are_served_in_turn_or_asked_to_retry_while_pages_answer(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await ready(alice)
    async with contextlib.AsyncExitStack() as others:
        for _ in range(TURNS_AT_ONCE):
            await others.enter_async_context(site.resources.sockets.turn())
        patches.TURN_SECONDS.replace(monkeypatch, 0.1)
        async with alice.connection(posted["thread_id"]) as late:
            assert await closed(late) == Close.OVERLOAD
        patches.TURN_SECONDS.replace(monkeypatch, LONG_SECONDS)
        async with alice.tab(posted["thread_id"]) as waiting:
            assert (await alice.http.get("/chat/")).status_code == 200
            assert waiting.frames == []
            await others.aclose()
            await waiting.until_type("welcome")


async def test_the_list_of_chats_waits_until_the_sockets_that_arrive_have_had_their_turns(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, crowd, looks = await ready(alice), [True], []
    patches.LIST_SECONDS.replace(monkeypatch, 0.05)
    patches.CROWDED.replace(monkeypatch, property(lambda _: looks.append(1) or crowd[0]))
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("welcome")
        await eventually(lambda: len(looks) > 1)
        assert not [frame for frame in tab.frames if frame["type"] == "thread.list"]
        crowd[0] = False
        await tab.until_type("thread.list")


async def test_an_error_of_the_server_closes_with_a_code_that_means_retry(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    patches.OWN_REV.replace(monkeypatch, broken)
    async with alice.connection(str(uuid.uuid4())) as connection:
        await connection.send(json.dumps(HELLO))

        assert await closed(connection) == Close.FAILED


async def test_a_cut_redis_connection_in_mid_answer_costs_nothing(alice: Person, site: Site) -> None:
    posted = await alice.ask("Show me a table and some code [offline: pace=8]")
    async with alice.tab(posted["thread_id"]) as tab:
        for length in (20, 60, 100, 140):
            await tab.until_text(posted["reply_id"], length)
            await site.resources.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        message = await tab.until_finished(posted["reply_id"])

    assert message["content"] == (await ChatMessage.get(id=posted["reply_id"])).content


async def test_an_end_published_while_the_channel_is_disconnected_is_not_missed(alice: Person, site: Site) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        await site.resources.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        accepted = await alice.ask("say Hello again", posted["thread_id"])
        message = await tab.until_finished(accepted["reply_id"])

    assert message["content"] == "Hello again"


async def test_a_tab_that_syncs_again_and_again_is_sent_to_a_new_socket(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        for _ in range(3):
            await tab.send({"type": "sync"})
            await tab.until_type("thread.snapshot")
        await tab.send({"type": "sync"})

        assert await closed(tab.connection) == Close.RESYNC_FAILED


async def test_words_of_others_on_the_same_redis_change_nothing(alice: Person, site: Site) -> None:
    posted, user = await ready(alice), await User.get(email=alice.email)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        for channel in ("chat:ctl", f"u:{user.id}", f"t:{posted['thread_id']}"):
            for words in ("hello", "1:2", "[" * 100_000, '{"type":"from.the.future"}', '{"type":"stop"}', b"\xff"):
                await site.resources.redis.publish(channel, words)
        acknowledged = await tab.say("say Still here")
        message = await tab.until_finished(acknowledged["reply_id"])

    assert message["content"] == "Still here"
