"""The chat's pages as they come from the server: readable without a script, safe to send twice, closed to others."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest

from chat.events import MESSAGE_MAX_LENGTH
from chat.models import ChatMessage, ChatThread, Generation, Role, Status, User
from chat.security.limits import PAGE_POST
from chat.services.replies.thread_list import PAGE_SIZE
from tests.support import patches
from tests.support.cast import Person
from tests.support.client import without_id
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.rows import in_a_row
from tests.support.site import Beside, Site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
async def reader(site: Site) -> AsyncIterator[Person]:
    """A user for the whole file; its tests only add threads."""
    async with Person.signed_up(site, "alice") as person:
        yield person


@pytest.fixture(scope="module")
async def stranger(site: Site) -> AsyncIterator[Person]:
    """A user without access to the reader's threads."""
    async with Person.signed_up(site, "bob") as person:
        yield person


async def user_of(person: Person) -> User:
    return await User.get(email=person.email)


async def stored_thread(person: Person, *texts: str, title: str = "A thread") -> ChatThread:
    """A thread from rows, question and answer in turn, without a model call."""
    thread = await ChatThread.create(user=await user_of(person), title=title, message_count=len(texts), rev=3)
    roles = (Role.USER, Role.ASSISTANT)
    await ChatMessage.bulk_create(
        ChatMessage(thread=thread, number=number, role=roles[(number - 1) % 2], content=text)
        for number, text in enumerate(texts, start=1)
    )
    await in_a_row(thread.id)
    return thread


async def page_of(person: Person, path: str) -> Page:
    answer = await person.http.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def texts_of(page: Page) -> list[str]:
    return [element.text for element in page.all("div", class_="markdown-content") if element.text]


async def finish(person: Person, posted: dict[str, str]) -> None:
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])


# Pages


async def test_the_front_page_is_for_visitors_and_users_go_to_their_chat(nobody: Person, reader: Person) -> None:
    page, redirected = await page_of(nobody, "/"), await reader.http.get("/")

    assert page.all("a", href="/accounts/signup/")
    assert (redirected.status_code, redirected.headers["Location"]) == (303, "/chat/")


async def test_a_new_chat_is_a_form_that_works_without_a_script(reader: Person) -> None:
    page = await page_of(reader, "/chat/")

    form = page.find("form", id="composer")
    assert (form["method"], form["action"]) == ("post", "/chat/")
    assert page.find("textarea", name="message")
    assert uuid.UUID(page.find("input", name="client_id")["value"])
    main = page.find("main")
    assert (main["data-thread-id"], main["data-cursor"], main["data-rev"]) == ("", "", "0")
    assert main["data-max-length"] == str(MESSAGE_MAX_LENGTH)


async def test_each_form_has_its_own_client_id(reader: Person) -> None:
    pages = [await page_of(reader, "/chat/") for _ in range(2)]

    assert len({page.find("input", name="client_id")["value"] for page in pages}) == 2


async def test_a_thread_can_be_read_without_a_script_and_has_its_cursor(reader: Person) -> None:
    thread = await stored_thread(reader, "What is it?", "It is **this**.", title="What it is")
    page = await page_of(reader, f"/chat/{thread.id}/")

    articles = [one for one in page.all("article") if one["data-message-id"]]  # the others are templates
    assert [(one["data-role"], one["data-status"]) for one in articles] == [("user", "final"), ("assistant", "final")]
    assert [one["id"] for one in articles] == [f"m-{one['data-message-id']}" for one in articles]  # for links to them
    assert texts_of(page) == ["What is it?", "It is **this**."]
    assert "What it is" in page.find("h1", id="thread-title").text
    main = page.find("main")
    epoch, _, offset = main["data-cursor"].partition(":")
    assert (main["data-thread-id"], main["data-rev"]) == (str(thread.id), "3")
    assert epoch
    assert offset.isdigit()
    assert page.find("form", id="composer")["action"] == f"/chat/{thread.id}/"


async def test_the_page_shows_a_running_answer_as_far_as_it_is(reader: Person) -> None:
    posted = await reader.ask("Count to 400 [offline: pace=5]")
    async with reader.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 200)
        page = await page_of(reader, f"/chat/{posted['thread_id']}/")
        answer = page.find("article", data_message_id=posted["reply_id"])
        shown = texts_of(page)[1]
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        whole = (await tab.until_finished(posted["reply_id"]))["content"]

    assert answer["data-status"] == "streaming"
    assert len(shown) >= 200
    assert whole.startswith(shown)


async def test_text_is_text_and_never_markup(reader: Person) -> None:
    evil = "<script>alert(1)</script></div></article><img src=x onerror=alert(2)>&lt;b&gt; \"'{{ 7*7 }}"
    posted = await reader.ask(f"say {evil}")
    await finish(reader, posted)
    raw = (await reader.http.get(f"/chat/{posted['thread_id']}/")).text
    page = Page(raw)

    assert texts_of(page) == [f"say {evil}", evil]
    assert "<script>alert" not in raw
    assert not page.all("img", src="x")
    assert len(page.all("article")) == 4  # two messages, and the two templates


async def test_a_hostile_title_is_text_in_the_page_and_in_the_sidebar(reader: Person) -> None:
    title = '</title><script>alert(3)</script>"><b onmouseover=x>'
    thread = await stored_thread(reader, "Hello", title=title)
    raw = (await reader.http.get(f"/chat/{thread.id}/")).text

    assert "<script>alert" not in raw
    assert "<b onmouseover" not in raw
    assert Page(raw).find("h1", id="thread-title")["data-title"] == title


# Sending


async def test_the_form_leads_to_the_thread(reader: Person) -> None:
    first = await reader.http.post("/chat/", data={"message": "Say one", "client_id": str(uuid.uuid4())})
    path = first.headers["Location"]
    thread = await ChatThread.get(id=path.split("/")[2])
    await finish(reader, await answer_of(thread))
    second = await reader.http.post(path, data={"message": "Say two"})

    assert (first.status_code, second.status_code) == (303, 303)
    assert second.headers["Location"] == path == f"/chat/{thread.id}/"
    await finish(reader, await answer_of(thread))
    assert texts_of(await page_of(reader, path)) == ["Say one", "one", "Say two", "two"]


async def answer_of(thread: ChatThread) -> dict[str, str]:
    last = await ChatMessage.filter(thread_id=thread.id, role=Role.ASSISTANT).order_by("-number").first()
    assert last is not None
    return {"thread_id": str(thread.id), "reply_id": str(last.id)}


async def test_a_program_gets_the_ids(reader: Person) -> None:
    response = await reader.post("Say three")

    posted = response.json()
    assert response.status_code == 201
    assert set(posted) == {"thread_id", "message_id", "reply_id", "queued"}
    assert [one["id"] for one in await reader.messages(posted["thread_id"])] == [
        posted["message_id"],
        posted["reply_id"],
    ]


async def test_a_message_that_is_sent_twice_is_stored_and_answered_once(reader: Person, model: OfflineServer) -> None:
    client_id = str(uuid.uuid4())
    first = await reader.post("Say four", client_id=client_id)
    second = await reader.post("Say four", client_id=client_id)
    await finish(reader, first.json())
    third = await reader.post("Say four", client_id=client_id)
    in_its_thread = await reader.post("Say four", thread_id=first.json()["thread_id"], client_id=client_id)

    answers = [first, second, third, in_its_thread]
    assert [one.status_code for one in answers] == [201] * 4
    assert len({one.text for one in answers}) == 1
    await assert_once(first.json(), client_id, model)


async def test_a_message_that_is_sent_ten_times_at_once_is_stored_and_answered_once(
    reader: Person, model: OfflineServer
) -> None:
    client_id = str(uuid.uuid4())
    answers = await asyncio.gather(*(reader.post("Say five", client_id=client_id) for _ in range(10)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.text for one in answers}) == 1
    await finish(reader, answers[0].json())
    await assert_once(answers[0].json(), client_id, model)


async def assert_once(posted: dict[str, str], client_id: str, model: OfflineServer) -> None:
    generation = await Generation.get(answer_id=posted["reply_id"])
    assert await ChatMessage.filter(client_id=client_id).count() == 1
    assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 2
    assert await Generation.filter(thread_id=posted["thread_id"]).count() == 1
    assert await model.creates(str(generation.id)) == 1


async def test_the_same_client_id_of_another_user_is_another_message(reader: Person, stranger: Person) -> None:
    client_id = str(uuid.uuid4())
    mine, theirs = await reader.post("Say mine", client_id=client_id), await stranger.post("Say", client_id=client_id)

    assert mine.json()["thread_id"] != theirs.json()["thread_id"]
    assert (await stranger.http.get(f"/chat/{mine.json()['thread_id']}/")).status_code == 404


@pytest.mark.parametrize("letter", ["a", "字", "🔑", "é"])
async def test_a_messages_length_is_limited(reader: Person, letter: str) -> None:
    """Characters, not bytes; spaces are characters too."""
    text = "  " + letter * (MESSAGE_MAX_LENGTH - 3) + "\n"
    taken = await reader.post(text)
    refused = await reader.post(text + letter)

    assert taken.status_code == 201
    assert (await reader.messages(taken.json()["thread_id"]))[0]["content"] == text
    assert (refused.status_code, refused.json()["code"]) == (422, "too_long")
    assert "32,001" in refused.json()["message"]
    async with reader.tab(taken.json()["thread_id"]) as tab:
        await tab.send({"type": "response.cancel", "message_id": taken.json()["reply_id"]})


REFUSED = [("", "empty"), (" \n\t\u3000 ", "empty"), ("x" * (MESSAGE_MAX_LENGTH + 1), "too_long")]


@pytest.mark.parametrize(("text", "code"), REFUSED)
async def test_a_refused_message_is_explained_and_kept_in_the_form(reader: Person, text: str, code: str) -> None:
    before = await ChatThread.filter(user__email=reader.email).count()
    program = await reader.post(text)
    answer = await reader.http.post("/chat/", data={"message": text})

    page = Page(answer.text)
    assert (program.status_code, program.json()["code"]) == (422, code)
    assert answer.status_code == 422
    assert page.find("p", id="composer-error").text == program.json()["message"] != ""
    assert "hidden" not in page.find("p", id="composer-error")
    assert page.find("textarea", name="message").text.removeprefix("\n") == text
    assert await ChatThread.filter(user__email=reader.email).count() == before


async def test_a_draft_is_restored_exactly(reader: Person) -> None:
    draft = "\n\n first <b>&amp;</b></textarea><script>alert(1)</script> line\r\nsecond" + "x" * MESSAGE_MAX_LENGTH
    answer = await reader.http.post("/chat/", data={"message": draft})

    kept = Page(answer.text).find("textarea", name="message").text
    assert kept == "\n" + draft.replace("\r\n", "\n")  # a browser drops the first line end
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ("message=a%00b", "a\ufffdb"),
        ("message=a%ED%A0%BDb", "a\ufffd\ufffd\ufffdb"),
        ("message=%F0%9F%94%91%FF", "🔑\ufffd"),
        ("message=" + quote("e\u0301\u200d\u202e"), "e\u0301\u200d\u202e"),
        ("message=one%0D%0Atwo", "one\ntwo"),
        ("message=" + quote("\n\tif x:\n\t\ty()\n\n"), "\n\tif x:\n\t\ty()\n\n"),
        ("message=%EF%BF%BE%EF%BF%BF.", "\ufffe\uffff."),
    ],
)
async def test_odd_characters_are_stored_or_replaced_and_never_a_crash(reader: Person, body: str, stored: str) -> None:
    posted = await reader.http.post("/chat/", content=body, headers=FORM | JSON)

    assert posted.status_code == 201, posted.text
    assert (await reader.messages(posted.json()["thread_id"]))[0]["content"] == stored
    assert (await reader.http.get(f"/chat/{posted.json()['thread_id']}/")).status_code == 200


@pytest.mark.parametrize("client_id", ["nonsense", "1", "\x00", "x" * 40, "123e4567-e89b-12d3-a456-42661417400g", "ü"])
async def test_a_client_id_must_be_a_uuid(reader: Person, client_id: str) -> None:
    program = await reader.post("Say no", client_id=client_id)
    page = await reader.http.post("/chat/", data={"message": "Say no", "client_id": client_id})

    assert (program.status_code, program.json()["code"]) == (422, "bad_client_id")
    assert page.status_code == 422
    assert Page(page.text).find("textarea", name="message").text.strip() == "Say no"


async def test_a_body_without_the_field_is_an_empty_message(reader: Person) -> None:
    bodies = [(b"", FORM), (b'{"message": "x"}', {"Content-Type": "application/json"}), (b"\xff=\xff", FORM)]
    for content, headers in bodies:
        answer = await reader.http.post("/chat/", content=content, headers=headers | JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "empty")


async def test_while_an_answer_runs_the_next_message_waits_in_the_form(reader: Person) -> None:
    posted = await reader.ask("Count to 2000 [offline: pace=20]")
    program = await reader.post("And now?", thread_id=posted["thread_id"])
    answer = await reader.http.post(f"/chat/{posted['thread_id']}/", data={"message": "And now?"})
    elsewhere = await reader.post("Say elsewhere")
    async with reader.tab(posted["thread_id"]) as tab:
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        stopped = await tab.until_finished(posted["reply_id"])

    assert (program.status_code, program.json()["code"]) == (409, "busy")
    assert answer.status_code == 409
    assert Page(answer.text).find("textarea", name="message").text.strip() == "And now?"
    assert elsewhere.status_code == 201
    assert stopped["status"] == "stopped"


async def test_a_draining_server_accepts_no_new_message(site: Site, reader: Person) -> None:
    site.resources.worker.draining = True
    try:
        program = await reader.post("Say later")
        page = await reader.http.post("/chat/", data={"message": "Say later"})
    finally:
        site.resources.worker.draining = False

    assert (program.status_code, program.json()["code"], program.json()["retry_ms"]) == (503, "draining", 1000)
    assert page.status_code == 503
    assert Page(page.text).find("textarea", name="message").text.strip() == "Say later"


def ids_of(chats: httpx.Response) -> list[str]:
    return [chat["thread_id"] for chat in chats.json()["threads"]]


async def test_a_full_server_stores_nothing_and_says_when_to_try_again(
    reader: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.IS_FULL.replace(monkeypatch, True)
    chats = await reader.http.get("/chat/api/threads/")
    program = await reader.post("Say later")
    page = await reader.http.post("/chat/", data={"message": "Say later"})
    after = await reader.http.get("/chat/api/threads/")

    assert (program.status_code, program.json()["code"], program.headers["Retry-After"]) == (503, "overloaded", "2")
    assert program.json()["message"] == "The site is busy. Your message will be sent in a moment."
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    found = Page(page.text)
    assert found.find("textarea", name="message").text.strip() == "Say later"
    assert found.find("p", id="composer-error").text == (
        "The site is busy. Your message was not sent. Send it again in a moment."
    )
    # Titles and answers of chats that other tests have begun may change meanwhile.
    assert ids_of(after) == ids_of(chats)


async def test_a_message_may_name_its_model(beside: Beside) -> None:
    async with beside(LLM_MODELS="large,gpt-6-luna") as site, Person.signed_up(site, "alice") as alice:
        form = {"message": "Say six", "model": "large"}
        posted = (await alice.http.post("/chat/", data=form, headers=JSON)).json()
        await finish(alice, posted)
        path = f"/chat/{posted['thread_id']}/"
        kept = await alice.http.post(path, data={"message": "Say seven"}, headers=JSON)
        await finish(alice, kept.json())
        program = await alice.http.post(path, data=form | {"model": "unheard-of"}, headers=JSON)

        answers = (posted["reply_id"], kept.json()["reply_id"])
        assert [(await Generation.get(answer_id=one)).model for one in answers] == ["large", "large"]
        assert (program.status_code, program.json()["code"]) == (422, "unknown_model")
        assert program.json()["message"] == "This model isn't available. Choose one of: gpt-6-luna, large."
        assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 4


# Threads of others


async def test_a_foreign_thread_is_not_found(reader: Person, stranger: Person) -> None:
    thread = await stored_thread(reader, "A secret", "And its answer")
    answers = []
    for thread_id in (str(thread.id), str(uuid.uuid4())):
        http = stranger.http
        answers.append(
            [
                await http.get(f"/chat/{thread_id}/"),
                await http.post(f"/chat/{thread_id}/", data={"message": "Let me in"}),
                await http.post(f"/chat/{thread_id}/", data={"message": ""}, headers=JSON),
                await http.get(f"/chat/api/threads/{thread_id}/messages/"),
                await http.get(f"/chat/api/threads/{thread_id}/messages/", headers=JSON),
            ]
        )

    foreign, missing = answers
    assert [one.status_code for one in foreign + missing] == [404] * 10
    assert [without_nonce(one) for one in foreign] == [without_nonce(one) for one in missing]
    assert await ChatMessage.filter(thread_id=thread.id).count() == 2


def without_nonce(answer: httpx.Response) -> str:
    nonce = answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
    return without_id(answer).replace(nonce, "")


async def test_a_visitor_gets_to_the_login(reader: Person, nobody: Person) -> None:
    thread = await stored_thread(reader, "A secret")

    page = await nobody.http.get(f"/chat/{thread.id}/")
    sent = await nobody.http.post(f"/chat/{thread.id}/", data={"message": "x"})
    older = await nobody.http.get(f"/chat/api/threads/{thread.id}/messages/", headers=JSON)

    assert (page.status_code, page.headers["Location"]) == (303, f"/accounts/login/?next=/chat/{thread.id}/")
    assert (sent.status_code, older.status_code) == (401, 401)


# Titles


async def test_a_new_title_is_shown_in_the_page_and_in_the_sidebar(reader: Person) -> None:
    thread = await stored_thread(reader, "Hello", title="The first words")
    answer = await reader.http.post(f"/chat/{thread.id}/title/", data={"title": "  Eggs &\n bacon "})
    page = await page_of(reader, answer.headers["Location"])

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{thread.id}/")
    assert page.find("h1", id="thread-title").text == "Eggs & bacon"
    assert page.find("title").text.startswith("Eggs & bacon · ")
    assert "Eggs & bacon" in [one.text for one in page.all("span", class_="thread-title")]
    assert page.find("main")["data-rev"] == "4"
    form = page.find("form", id="rename-form")
    assert (form["method"], form["action"]) == ("post", f"/chat/{thread.id}/title/")
    assert page.find("input", name="title")["value"] == "Eggs & bacon"


async def test_a_program_gets_the_title_as_it_is_stored(reader: Person) -> None:
    thread = await stored_thread(reader, "Hello")
    answer = await reader.http.post(f"/chat/{thread.id}/title/", data={"title": " <b>Eggs</b>  "}, headers=JSON)

    assert answer.status_code == 200
    assert answer.json() == {"thread_id": str(thread.id), "title": "<b>Eggs</b>"}
    assert "<b>Eggs" not in (await reader.http.get(f"/chat/{thread.id}/")).text


@pytest.mark.parametrize(
    ("title", "code", "sentence"),
    [
        ("", "empty", "Enter a title."),
        (" \n ", "empty", "Enter a title."),
        ("x" * 256, "too_long", "The title has 256 characters. The maximum is 255."),
        ('"><script>alert(1)</script>' * 20, "too_long", "The title has 540 characters. The maximum is 255."),
    ],
)
async def test_a_refused_title_is_explained_at_the_field(reader: Person, title: str, code: str, sentence: str) -> None:
    thread = await stored_thread(reader, "Hello", title="The first words")
    program = await reader.http.post(f"/chat/{thread.id}/title/", data={"title": title}, headers=JSON)
    answer = await reader.http.post(f"/chat/{thread.id}/title/", data={"title": title})
    page = Page(answer.text)

    assert (program.status_code, answer.status_code) == (422, 422)
    assert (program.json()["code"], program.json()["message"]) == (code, sentence)
    assert "data-open" in page.find("form", id="rename-form")
    assert page.error_of("rename-title") == sentence
    assert page.find("input", id="rename-title")["value"] == title
    assert page.find("h1", id="thread-title").text == "The first words"
    assert "<script>alert" not in answer.text
    assert (await ChatThread.get(id=thread.id)).rev == 3


async def test_a_body_without_a_title_is_an_empty_one(reader: Person) -> None:
    thread = await stored_thread(reader, "Hello")
    for content, headers in [(b"", FORM), (b'{"title": "x"}', {"Content-Type": "application/json"}), (b"\xff=", FORM)]:
        answer = await reader.http.post(f"/chat/{thread.id}/title/", content=content, headers=headers | JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "empty")


async def test_only_the_owner_gives_a_title(reader: Person, stranger: Person, nobody: Person) -> None:
    thread = await stored_thread(reader, "A secret", title="Mine")
    answers = []
    for thread_id in (thread.id, uuid.uuid4()):
        path = f"/chat/{thread_id}/title/"
        answers.append(
            [
                await stranger.http.post(path, data={"title": "Yours"}),
                await stranger.http.post(path, data={"title": ""}),
                await stranger.http.post(path, data={"title": "Yours"}, headers=JSON),
                await stranger.http.post(path, data={"title": "x" * 300}, headers=JSON),
            ]
        )
    login = await nobody.http.post(f"/chat/{thread.id}/title/", data={"title": "Yours"})
    other_site = await reader.http.post(
        f"/chat/{thread.id}/title/", data={"title": "Theirs"}, headers={"Origin": "https://evil.example.com"}
    )

    foreign, missing = answers
    assert [one.status_code for one in foreign + missing] == [404] * 8
    assert [without_nonce(one) for one in foreign] == [without_nonce(one) for one in missing]
    assert (login.status_code, other_site.status_code) == (401, 403)
    assert (await ChatThread.get(id=thread.id)).title == "Mine"


@pytest.mark.usefixtures("unforgiving")
async def test_titles_are_limited(throttled: Site, alice: Person) -> None:
    thread = await stored_thread(alice, "Hello")
    async with Person.visiting(throttled) as person:  # signing up there is limited for all tests together
        person.http.cookies.update(dict(alice.http.cookies))
        path = f"/chat/{thread.id}/title/"
        sent = [person.http.post(path, data={"title": f"Title {number}"}, headers=JSON) for number in range(70)]
        statuses = [one.status_code for one in await asyncio.gather(*sent)]

    assert sorted(statuses) == [200] * PAGE_POST.count + [429] * (70 - PAGE_POST.count)


# The choice of a model


async def test_without_other_models_there_is_nothing_to_choose(reader: Person) -> None:
    assert not (await page_of(reader, "/chat/")).all("select")


async def test_the_model_choice_lists_the_threads_own_model_first(beside: Beside) -> None:
    async with beside(LLM_MODELS="large,gpt-6-luna,small") as site, Person.signed_up(site, "alice") as alice:
        thread = await stored_thread(alice, "Hello")
        chosen = []
        for model in ("", "large", "offered no more"):
            await ChatThread.filter(id=thread.id).update(model=model)
            page = await page_of(alice, f"/chat/{thread.id}/")
            chosen.append([one["value"] for one in page.all("option") if "selected" in one])
        refused = await alice.http.post(f"/chat/{thread.id}/", data={"message": "", "model": "small"})

        assert page.find("select", name="model")["id"] == "model"
        assert page.find("label", for_="model").text == "Model"
        assert [one["value"] for one in page.all("option")] == ["gpt-6-luna", "large", "small"]
        assert (
            page.all("option")[0].text == "gpt-6-luna · Tools, reasoning"
        )  # what a browser shows that cannot style it
        assert chosen == [[], ["large"], []]  # none: the first
        assert [one["value"] for one in Page(refused.text).all("option") if "selected" in one] == ["small"]
        assert len((await page_of(alice, "/chat/")).all("option")) == 3


async def test_a_model_that_is_gone_is_named_with_the_one_that_answers_instead(beside: Beside) -> None:
    said = "retired is no longer available. gpt-6-luna answers instead."
    async with beside(LLM_MODELS="large") as site, Person.signed_up(site, "alice") as alice:
        thread = await stored_thread(alice, "Hello")
        await ChatThread.filter(id=thread.id).update(model="retired")
        page = await page_of(alice, f"/chat/{thread.id}/")
        assert page.find("p", id="model-gone").text == said
        assert page.find("select", id="model")["aria-describedby"] == "model-gone"
        posted = await alice.http.post(f"/chat/{thread.id}/", data={"message": "Say six", "model": "gpt-6-luna"})
        assert posted.status_code == 303
        assert not (await page_of(alice, f"/chat/{thread.id}/")).all("p", id="model-gone")


async def test_the_only_model_replaces_one_that_is_gone(reader: Person) -> None:
    thread = await stored_thread(reader, "Hello")
    await ChatThread.filter(id=thread.id).update(model="retired")
    page = await page_of(reader, f"/chat/{thread.id}/")

    assert "retired is no longer available" in page.find("p", id="model-gone").text
    assert page.find("input", type="hidden", name="model")["value"] == "gpt-6-luna"


# Older messages, and the sidebar


async def test_older_messages_come_in_pages_until_the_first(reader: Person) -> None:
    thread = await stored_thread(reader, *(f"number {number}" for number in range(1, 121)))
    page = await page_of(reader, f"/chat/{thread.id}/")
    shown = texts_of(page)
    button = page.find("button", id="load-older")
    cursor, sizes = button["data-cursor"], []
    while cursor:
        answer = await reader.http.get(page.find("div", id="older")["data-url"], params={"before": cursor})
        older = answer.json()
        shown = [one["content"] for one in older["messages"]] + shown
        sizes.append(len(older["messages"]))
        assert older["has_older"] is bool(older["older_cursor"])
        assert (older["thread_id"], older["thread_title"]) == (str(thread.id), "A thread")
        assert set(older["messages"][0]) >= {"id", "role", "status", "content", "error", "created_at"}
        cursor = older["older_cursor"]

    assert sizes == [50, 20]
    assert shown == [f"number {number}" for number in range(1, 121)]
    assert "hidden" not in button


@pytest.mark.parametrize("count", [0, 1, 50, 51])
async def test_there_is_a_button_for_older_messages_where_there_are_any(reader: Person, count: int) -> None:
    thread = await stored_thread(reader, *["text"] * count)
    page = await page_of(reader, f"/chat/{thread.id}/")

    assert len(texts_of(page)) == min(count, 50)
    assert ("hidden" in page.find("button", id="load-older")) is (count <= 50)


@pytest.mark.parametrize(
    "cursor",
    ["", "nonsense", "-1", "51", "²", "٣", "9" * 400, "\x00", "' OR 1=1 --", "01a20460-67e2-7fc6-a25f-80d73be03a97"],
)
async def test_a_nonsense_cursor_means_the_newest_page(reader: Person, cursor: str) -> None:
    thread = await stored_thread(reader, *(f"number {number}" for number in range(1, 54)))
    answer = await reader.http.get(f"/chat/api/threads/{thread.id}/messages/", params={"before": cursor})

    contents = [one["content"] for one in answer.json()["messages"]]
    assert (contents[0], contents[-1], len(contents)) == ("number 4", "number 53", 50)


async def test_before_the_first_message_there_is_nothing(reader: Person) -> None:
    thread = await stored_thread(reader, "first", "second")
    first = await ChatMessage.get(thread_id=thread.id, number=1)
    answer = await reader.http.get(f"/chat/api/threads/{thread.id}/messages/", params={"before": str(first.id)})

    assert answer.json()["messages"] == []
    assert answer.json()["has_older"] is False


async def test_a_message_of_another_chat_is_a_nonsense_cursor(reader: Person, stranger: Person) -> None:
    thread, foreign = await stored_thread(reader, "own", "answer"), await stored_thread(stranger, "foreign", "secret")
    cursor = await ChatMessage.get(thread_id=foreign.id, number=2)
    answer = await reader.http.get(f"/chat/api/threads/{thread.id}/messages/", params={"before": str(cursor.id)})

    assert [one["content"] for one in answer.json()["messages"]] == ["own", "answer"]


async def test_the_sidebar_has_the_own_threads_newest_first(alice: Person, stranger: Person) -> None:
    now = datetime.now(UTC)
    old, new, newest = [await stored_thread(alice, "x", title=title) for title in ("Old", "New", "Newest")]
    await stored_thread(stranger, "x", title="Foreign")
    hidden = await stored_thread(alice, "x", title="Put away")
    for thread, age in [(old, 3), (new, 2), (newest, 1), (hidden, 0)]:
        await ChatThread.filter(id=thread.id).update(last_message_at=now - timedelta(hours=age))
    await ChatThread.filter(id=hidden.id).update(archived=True)
    page = await page_of(alice, f"/chat/{new.id}/")

    links = [link for link in page.all("a", class_="thread-link") if link["href"]]
    assert [link["href"] for link in links] == [f"/chat/{thread.id}/" for thread in (newest, new, old)]
    assert [link.get("aria-current") for link in links] == [None, "page", None]
    assert "Foreign" not in page.text
    assert "Put away" not in page.text


async def many_threads(person: Person, count: int) -> list[ChatThread]:
    """The person's threads, newest first; some have the same time."""
    user = await user_of(person)
    await ChatThread.bulk_create(ChatThread(user=user, title=f"Chat {number}") for number in range(count))
    threads = await ChatThread.filter(user=user)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, thread in enumerate(threads):
        thread.last_message_at = start + timedelta(microseconds=number // 3)
    await ChatThread.bulk_update(threads, ["last_message_at"])
    return sorted(threads, key=lambda thread: (thread.last_message_at, thread.id), reverse=True)


def listed(page: Page) -> list[str]:
    return [row["data-thread-id"] for row in page.all("li", class_="thread-row") if row["data-thread-id"]]


async def test_every_chat_can_be_reached_by_links(alice: Person) -> None:
    threads, seen = await many_threads(alice, 2 * PAGE_SIZE + 3), []
    page = await page_of(alice, "/chat/")
    assert "Show newest chats" not in page.text
    while True:
        seen += listed(page)
        more = page.find("a", id="more-threads")
        if "hidden" in more:
            break
        page = await page_of(alice, more["href"])
        assert "Show newest chats" in [link.text for link in page.all("a", href="/chat/")]

    assert seen == [str(thread.id) for thread in threads]


async def test_the_list_continues_on_the_page_of_a_chat(alice: Person) -> None:
    threads = await many_threads(alice, PAGE_SIZE + 2)
    path = f"/chat/{threads[0].id}/"
    page = await page_of(alice, (await page_of(alice, path)).find("a", id="more-threads")["href"])

    assert listed(page) == [str(thread.id) for thread in [threads[0], *threads[-2:]]]
    assert "Show newest chats" in [link.text for link in page.all("a", href=path)]


async def test_the_current_chat_is_always_in_the_list(alice: Person) -> None:
    threads = await many_threads(alice, PAGE_SIZE + 9)
    page = await page_of(alice, f"/chat/{threads[-2].id}/")

    assert listed(page) == [str(thread.id) for thread in [*threads[:PAGE_SIZE], threads[-2]]]
    assert page.find("a", aria_current="page", class_="thread-link")["href"] == f"/chat/{threads[-2].id}/"


async def test_the_list_as_json_continues_after_a_cursor(alice: Person, stranger: Person) -> None:
    threads = await many_threads(alice, PAGE_SIZE + 9)
    cursor = (await page_of(alice, "/chat/")).find("a", id="more-threads")["data-cursor"]
    page = (await alice.http.get("/chat/api/threads/", params={"before": cursor, "size": 5})).json()
    rest = (await alice.http.get("/chat/api/threads/", params={"before": page["older_cursor"]})).json()
    foreign = (await stranger.http.get("/chat/api/threads/", params={"before": cursor})).json()

    found = [thread["thread_id"] for thread in page["threads"] + rest["threads"]]
    assert found == [str(thread.id) for thread in threads[PAGE_SIZE:]]
    more = {"pinned", "archived", "unread"}
    assert set(page["threads"][0]) == {"thread_id", "title", "last_message_at", "rev", "running"} | more
    assert rest["older_cursor"] == ""
    assert not {thread["thread_id"] for thread in foreign["threads"]} & {str(thread.id) for thread in threads}


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "-1", "9" * 30, f"{'9' * 17}-{'f' * 32}", "1-" + "g" * 32, "\x00", "٣-" + "0" * 32]
)
async def test_a_nonsense_cursor_of_the_list_means_the_newest(alice: Person, cursor: str) -> None:
    threads = await many_threads(alice, 3)
    for size in ("", "0", "-5", "x", "9" * 40):
        answer = await alice.http.get("/chat/api/threads/", params={"before": cursor, "size": size})
        assert answer.status_code == 200
        assert answer.json()["threads"][0]["thread_id"] == str(threads[0].id)
    assert listed(await page_of(alice, f"/chat/?chats={quote(cursor)}"))[0] == str(threads[0].id)


async def test_a_message_moves_its_thread_to_the_top(alice: Person) -> None:
    first = await stored_thread(alice, "x", title="First")
    await stored_thread(alice, "x", title="Second")
    posted = await alice.ask("Say up", str(first.id))
    await finish(alice, posted)
    page = await page_of(alice, "/chat/")

    assert [one.text.strip() for one in page.all("span", class_="thread-title") if one.text][:2] == ["First", "Second"]


async def test_a_failed_or_stopped_answer_is_marked_without_a_script(reader: Person) -> None:
    thread = await stored_thread(reader, "q", "kept text")
    notes = {Status.STOPPED: "You stopped", Status.INTERRUPTED: "Interrupted", Status.ERROR: "Something went wrong"}
    for status, words in notes.items():
        await ChatMessage.filter(thread_id=thread.id, number=2).update(status=status)
        page = await page_of(reader, f"/chat/{thread.id}/")
        visible = [note for note in page.all("p", class_="message-note") if "hidden" not in note]
        assert texts_of(page)[1] == "kept text"
        assert visible[0].text.startswith(words)
