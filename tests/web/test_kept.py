"""Without JavaScript: the page that refuses a form has what was written into it, ready to be sent again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from chat.database import DatabaseUnavailable
from chat.models import AuthSession, ChatMessage, User
from chat.security.limits import PAGE_POST
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.page import Page
from tests.support.site import Site
from tests.support.two_factor import turned_on

TEXT = "\n  if x:\n\t</textarea><b>&amp;\n\n"


async def unavailable(*_: object, **__: object) -> None:
    raise DatabaseUnavailable("stopped")


async def broken(*_: object, **__: object) -> None:
    raise RuntimeError("broken on purpose")


async def end_sessions(person: Person) -> None:
    await AuthSession.filter(user_id=(await User.get(email=person.email)).id).delete()


def fields_of(html: str) -> dict[str, str]:
    """What a browser submits of the text fields and hidden fields: it drops the first line end of a textarea."""
    page = Page(html)
    texts = {one["name"]: one.text.removeprefix("\n") for one in page.all("textarea")}
    return texts | {one["name"]: one.get("value", "") for one in page.all("input", type="hidden")}


def action_of(html: str, button: str = "Send again") -> str:
    page = Page(html)
    assert [one.text for one in page.all("button") if one.text == button] == [button]
    return next(one["action"] for one in page.all("form", method="post") if one["action"] not in ("/accounts/logout/",))


async def test_a_message_without_a_database_is_sent_again_once(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {"message": TEXT.replace("\n", "\r\n"), "client_id": str(uuid.uuid4()), "model": ""}
    with monkeypatch.context() as patch:
        patches.FIND_SESSION.replace(patch, unavailable)
        refused = await alice.http.post("/chat/", data=sent)
    assert (refused.status_code, action_of(refused.text)) == (503, "/chat/")
    assert fields_of(refused.text) == sent | {"message": TEXT}
    for _ in range(2):
        assert (await alice.http.post("/chat/", data=fields_of(refused.text))).status_code == 303

    assert [one.content for one in await ChatMessage.filter(thread__user__email=alice.email, role="user")] == [TEXT]


async def test_a_text_that_is_changed_before_it_is_sent_again_is_another_message(alice: Person) -> None:
    """The first may have been stored although its page was lost."""
    form = {"message": "say one", "client_id": str(uuid.uuid4())}
    for text in ("say one", "say one, changed"):
        assert (await alice.http.post("/chat/", data=form | {"message": text})).status_code == 303

    stored = await ChatMessage.filter(thread__user__email=alice.email, role="user").order_by("created_at")
    assert [one.content for one in stored] == ["say one", "say one, changed"]


async def test_an_error_keeps_the_text(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.SEND.replace(monkeypatch, broken)
    refused = await alice.http.post("/chat/", data={"message": TEXT})

    assert (refused.status_code, action_of(refused.text)) == (500, "/chat/")
    assert fields_of(refused.text) == {"message": TEXT}


@pytest.mark.usefixtures("unforgiving")
async def test_too_many_requests_keep_the_text(throttled: Site) -> None:
    async with Person.visiting(throttled) as person:
        for _ in range(100):
            refused = await person.http.post("/chat/", data={"message": TEXT})
            if refused.status_code == 429:
                break
    await throttled.resources.limits.reset(PAGE_POST, "127.0.0.1")  # other tests post from here too

    assert (refused.status_code, action_of(refused.text)) == (429, "/chat/")
    assert fields_of(refused.text) == {"message": TEXT}


async def test_a_message_to_a_deleted_chat_can_open_another_one(alice: Person) -> None:
    path = f"/chat/{uuid.uuid4()}/"
    refused = await alice.http.post(path, data={"message": TEXT})
    title = await alice.http.post(f"{path}title/", data={"title": TEXT})

    assert (refused.status_code, action_of(refused.text), fields_of(refused.text)) == (404, "/chat/", {"message": TEXT})
    assert title.status_code == 404
    assert Page(title.text).find("textarea", name="title").text == "\n" + TEXT
    assert "Send again" not in title.text


async def test_a_form_of_another_site_can_send_nothing_but_a_message_that_is_seen(alice: Person) -> None:
    elsewhere = {"Origin": "https://evil.example"}
    message = await alice.http.post("/chat/", data={"message": TEXT, "title": "x"}, headers=elsewhere)
    settings = await alice.http.post("/accounts/settings/", data={"display_name": "x"}, headers=elsewhere)

    assert (message.status_code, action_of(message.text)) == (403, "/chat/")
    assert fields_of(message.text)["message"] == TEXT
    assert "only if you wrote it" in Page(message.text).text
    assert settings.status_code == 403
    assert Page(settings.text).find("textarea", name="display_name").text == "\nx"
    assert "Send again" not in settings.text


async def test_too_much_text_is_refused_with_a_sentence(alice: Person) -> None:
    refused = await alice.http.post("/chat/", data={"message": "x" * 600_000})

    assert refused.status_code == 413
    assert "Go back" in Page(refused.text).text


async def test_passwords_and_codes_are_never_in_a_page(nobody: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"email": "a@example.com", "password": "secret-1", "password1": "secret-1", "code": "secret-1"}
    patches.FIND_SESSION.replace(monkeypatch, unavailable)
    nobody.http.cookies.set("chat", "x")
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/login/code/", "/chat/"):
        refused = await nobody.http.post(path, data=form, headers={"Origin": "https://evil.example"})
        assert refused.status_code == 403
        assert "secret-1" not in refused.text
        assert Page(refused.text).find("textarea", name="email").text == "\na@example.com"


# An ended login


async def logged_in(person: Person, html: str, **more: str) -> str:
    """Fill in the login form of a page; returns the page that follows."""
    assert action_of(html, "Log in") == "/accounts/login/"
    fields = fields_of(html) | {"email": person.email, "password": PASSWORD} | more
    return (await person.http.post("/accounts/login/", data=fields)).text


async def ended(person: Person, path: str, form: dict[str, str]) -> str:
    """Send a form whose login has ended; returns the page that follows."""
    await end_sessions(person)
    refused = await person.http.post(path, data=form)
    assert refused.status_code == 401
    return refused.text


async def test_an_ended_login_keeps_the_text(alice: Person) -> None:
    form = {"message": TEXT, "client_id": str(uuid.uuid4()), "model": ""}
    refused = await ended(alice, "/chat/", form)
    assert fields_of(refused)["kept.message"] == TEXT
    mistyped = await logged_in(alice, refused, password="wrong")
    assert fields_of(mistyped)["kept.message"] == TEXT
    page = await logged_in(alice, mistyped)

    assert action_of(page) == "/chat/"
    assert fields_of(page) == form
    assert (await alice.http.post("/chat/", data=form)).status_code == 303


@pytest.mark.parametrize(
    ("path", "form"), [("/accounts/settings/", {"display_name": "Ada", "theme": "dark"}), ("/chat/", {"message": "x"})]
)
async def test_every_form_with_text_is_kept(alice: Person, path: str, form: dict[str, str]) -> None:
    page = await logged_in(alice, await ended(alice, path, form))

    assert action_of(page) == path
    assert fields_of(page) == form


async def test_a_form_without_text_leads_to_the_login(alice: Person) -> None:
    await end_sessions(alice)
    answer = await alice.http.post("/chat/", data={"message": "  "})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/login/?next=/chat/")


async def test_the_text_is_kept_over_a_two_factor_code(alice: Person) -> None:
    factor = await turned_on(alice)
    asks = await logged_in(alice, await ended(alice, "/chat/", {"message": TEXT}))
    assert fields_of(asks)["kept.message"] == TEXT
    wrong = (await alice.http.post("/accounts/login/code/", data=fields_of(asks) | {"code": factor.wrong_code()})).text
    right = fields_of(wrong) | {"code": factor.code()}
    page = (await alice.http.post("/accounts/login/code/", data=right)).text

    assert fields_of(page) == {"message": TEXT}


async def test_another_user_does_not_get_the_text(alice: Person, bob: Person) -> None:
    refused = await ended(alice, "/chat/", {"message": TEXT})
    fields = fields_of(refused) | {"email": bob.email, "password": PASSWORD}
    answer = await alice.http.post("/accounts/login/", data=fields)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/")


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "javascript:x", "/\\evil.example", ""])
async def test_the_text_is_sent_to_no_other_site(alice: Person, path: str) -> None:
    refused = await ended(alice, "/chat/", {"message": TEXT})
    fields = fields_of(refused) | {"email": alice.email, "password": PASSWORD, "kept.to": path}
    answer = await alice.http.post("/accounts/login/", data=fields)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/")


async def test_a_reason_is_kept_while_the_password_is_asked_for_again(root: Person, bob: Person) -> None:
    user, admin = await User.get(email=bob.email), await User.get(email=root.email)
    await AuthSession.filter(user_id=admin.id).update(authenticated_at=datetime.now(UTC) - timedelta(minutes=16))
    path = f"/admin/users/{user.id}/disable/"
    asks = (await root.http.post(path, data={"reason": "Spam, by three reports"})).text
    fields = fields_of(asks) | {"password": PASSWORD}
    page = (await root.http.post(f"/admin/confirm/?next={path}", data=fields)).text
    assert action_of(page) == path
    assert fields_of(page) == {"reason": "Spam, by three reports"}
    assert (await User.get(id=user.id)).is_active
    await root.http.post(path, data=fields_of(page))

    assert not (await User.get(id=user.id)).is_active


# Where a login leads


async def test_no_one_is_led_into_the_chat_of_another_user(alice: Person, bob: Person, site: Site) -> None:
    posted = await alice.ask("say mine")
    path = f"/chat/{posted['thread_id']}/"
    async with Person.visiting(site) as visitor:
        own = await visitor.log_in(alice.email, next=path)
        theirs = await visitor.log_in(bob.email, next=path)
        again = await visitor.http.get("/accounts/login/", params={"next": path})

    assert [one.headers["Location"] for one in (own, theirs, again)] == [path, "/chat/", "/chat/"]


async def test_a_logout_forgets_where_the_next_login_leads(bob: Person, site: Site) -> None:
    async with Person.visiting(site) as visitor:
        await visitor.http.get("/accounts/login/", params={"next": "/usage/"})
        await visitor.http.post("/accounts/logout/")
        answer = await visitor.log_in(bob.email)

    assert answer.headers["Location"] == "/chat/"


async def test_a_login_after_a_reset_leads_back(alice: Person, site: Site) -> None:
    """The address of the login page has the target, that of the page after a reset does not."""
    posted = await alice.ask("say mine")
    path = f"/chat/{posted['thread_id']}/"
    async with Person.visiting(site) as visitor:
        await visitor.http.get("/accounts/login/", params={"next": path})
        login = Page((await visitor.http.get("/accounts/login/")).text)
        answer = await visitor.log_in(alice.email)
        later = await visitor.log_in(alice.email)

    assert login.find("input", name="next")["value"] == path
    assert [one.headers["Location"] for one in (answer, later)] == [path, "/chat/"]


async def test_a_sign_up_leads_back(site: Site) -> None:
    async with Person.visiting(site) as visitor:
        await visitor.http.get("/accounts/login/", params={"next": "/usage/"})
        answer = await visitor.sign_up(f"new-{uuid.uuid4().hex}@example.com")

    assert answer.headers["Location"] == "/usage/"
