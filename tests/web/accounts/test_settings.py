"""A user's settings: a name, the model of new chats, and the theme and Enter key, which every tab follows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.models import ChatThread, Generation, User, UserSettings
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.site import Beside, Site

PATH = "/accounts/settings/"


@pytest.fixture(scope="module")
async def choosing(beside: Beside) -> AsyncIterator[Site]:
    """A site with a choice of models."""
    async with beside(LLM_MODELS="large,small") as site:
        yield site


@pytest.fixture
async def carol(choosing: Site) -> AsyncIterator[Person]:
    """A user of that site."""
    async with Person.signed_up(choosing, "carol") as person:
        yield person


async def page_of(person: Person, path: str = PATH) -> Page:
    return Page((await person.http.get(path)).text)


def chosen(page: Page) -> tuple[str, str]:
    """The name and theme in the form."""
    [theme] = [one["value"] for one in page.all("input", type="radio", name="theme") if "checked" in one]
    return page.find("input", id="display_name")["value"], theme


async def test_saved_settings_are_confirmed_once_and_shown_again(alice: Person, bob: Person) -> None:
    answer = await alice.http.post(PATH, data={"display_name": "  Ada \n Lovelace ", "theme": "dark"})

    assert (answer.status_code, answer.headers["Location"]) == (303, PATH)
    page = await page_of(alice)
    assert page.find("p", role="status").text == "Settings saved."
    assert (await page_of(alice)).all("p", role="status") == []
    assert chosen(page) == ("Ada Lovelace", "dark")
    assert page.find("html")["data-theme"] == "dark"
    assert "What would you like to know, Ada Lovelace?" in (await page_of(alice, "/chat/")).text
    assert chosen(await page_of(bob)) == ("", "system")


async def test_only_the_last_of_two_notices_is_shown(alice: Person) -> None:
    await alice.http.post(PATH, data={"display_name": "Ada", "theme": "dark"})
    await alice.http.post("/accounts/sessions/end-others/")

    assert (await page_of(alice)).find("p", role="status").text == "All other sessions are logged out."
    assert (await page_of(alice)).all("p", role="status") == []


async def test_a_notice_survives_the_logout(nobody: Person, alice: Person) -> None:
    await alice.http.post("/accounts/sessions/end-others/")
    await alice.http.post("/accounts/logout/")

    assert (await page_of(alice, "/accounts/login/")).find("p", role="status").text
    assert (await page_of(nobody, "/accounts/login/")).all("p", role="status") == []


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u200b", "\n"])
async def test_an_invisible_name_counts_as_empty(alice: Person, name: str) -> None:
    await User.filter(email=alice.email).update(display_name="Ada")
    answer = await alice.http.post(PATH, data={"display_name": name, "theme": "system"})

    assert answer.status_code == 303
    assert (await User.get(email=alice.email)).display_name == ""


@pytest.mark.parametrize("name", ["é" * 100, "🦉" * 100, "<b>Ada</b> & \"Co\"", "\u202eadA", "A\x00da"])  # fmt: skip
async def test_any_name_of_a_hundred_characters_is_shown_unchanged(alice: Person, name: str) -> None:
    answer = await alice.http.post(PATH, data={"display_name": name, "theme": "light"})

    assert answer.status_code == 303
    assert chosen(await page_of(alice))[0] == name.replace("\x00", "\ufffd")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "x" * 101),
        ("theme", "pink"),
        ("theme", ""),
        ("theme", "d" * 9000),
        ("enter_key", ""),
        ("enter_key", "AUTO"),
        ("enter_key", "e" * 9000),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(alice: Person, field: str, value: str) -> None:
    fields = {"display_name": "Ada", "theme": "dark", field: value}
    answer = await alice.http.post(PATH, data=fields)

    user = await User.get(email=alice.email).select_related("settings")
    assert answer.status_code == 422
    assert (user.display_name, user.settings.theme, user.settings.enter_key) == ("", "system", "auto")
    if field == "display_name":
        page = Page(answer.text)
        assert page.error_of("display_name") == "Names can have at most 100 characters, and this one has 101."
        assert "autofocus" in page.find("input", id="display_name")


async def test_a_single_model_is_not_a_choice(alice: Person) -> None:
    assert (await page_of(alice)).all("select") == []
    assert (await alice.http.post(PATH, data={"theme": "dark", "model": "large"})).status_code == 422


async def test_new_chats_use_the_chosen_model(carol: Person) -> None:
    assert (await carol.http.post(PATH, data={"theme": "system", "model": "small"})).status_code == 303
    asked = await carol.ask("say hello")
    thread = await ChatThread.get(id=asked["thread_id"])

    assert [one["value"] for one in (await page_of(carol, "/chat/")).all("option") if "selected" in one] == ["small"]
    assert (thread.model, (await Generation.get(thread_id=thread.id)).model) == ("small", "small")


async def test_a_model_that_is_no_longer_offered_is_replaced_by_the_first(carol: Person) -> None:
    user = await User.get(email=carol.email)
    await UserSettings.filter(user_id=user.id).update(model="retired")
    asked = await carol.ask("say hello")

    assert (await Generation.get(thread_id=asked["thread_id"])).model == "gpt-6-luna"
    assert [one["value"] for one in (await page_of(carol)).all("option") if "selected" in one] == ["gpt-6-luna"]


async def test_users_of_the_sites_default_model_follow_the_site(carol: Person) -> None:
    for model, stored in (("small", "small"), ("gpt-6-luna", "")):
        assert (await carol.http.post(PATH, data={"theme": "system", "model": model})).status_code == 303
        assert (await UserSettings.get(user__email=carol.email)).model == stored


async def test_a_model_that_is_not_offered_is_refused(carol: Person) -> None:
    for model in ("retired", "", "m" * 5000):
        answer = await carol.http.post(PATH, data={"theme": "system", "model": model})
        assert answer.status_code == 422, model
    assert (await UserSettings.get(user__email=carol.email)).model == ""


async def test_the_enter_key_is_sent_to_every_tab_of_the_user_and_to_no_other(alice: Person, bob: Person) -> None:
    async with alice.tab(await past_thread(alice)) as one, bob.tab(await past_thread(bob)) as other:
        await one.until_type("thread.snapshot")
        await other.until_type("thread.snapshot")
        for person, choice in ((alice, "newline"), (bob, "send")):
            assert (await person.http.post(PATH, data={"enter_key": choice})).status_code == 303

        assert (await one.until_type("enter_key.changed"))["enter_key"] == "newline"
        assert (await other.until_type("enter_key.changed"))["enter_key"] == "send"
    page = await page_of(alice, "/chat/")
    assert page.find("form", id="composer")["data-enter-key"] == "newline"


async def test_a_form_of_an_older_release_keeps_the_enter_key(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await UserSettings.filter(user_id=user.id).update(enter_key="newline")
    assert (await alice.http.post(PATH, data={"display_name": "Ada", "theme": "dark"})).status_code == 303

    assert (await UserSettings.get(user__email=alice.email)).enter_key == "newline"


@pytest.mark.parametrize("path", [PATH, f"{PATH}theme/"])
async def test_a_theme_is_sent_to_every_tab_of_the_user_and_to_no_other(alice: Person, bob: Person, path: str) -> None:
    async with alice.tab(await past_thread(alice)) as one, bob.tab(await past_thread(bob)) as other:
        await one.until_type("thread.snapshot")
        await other.until_type("thread.snapshot")
        await alice.http.post(path, data={"theme": "dark"})
        await bob.http.post(path, data={"theme": "light"})

        assert (await one.until_type("theme.changed"))["theme"] == "dark"
        assert (await other.until_type("theme.changed"))["theme"] == "light"
        assert [frame["theme"] for frame in one.frames if frame["type"] == "theme.changed"] == ["dark"]


async def test_the_settings_lead_to_everything_about_the_account(alice: Person) -> None:
    """Each page has its own tests; this page links to them, and the menu to this page."""
    assert (await page_of(alice, "/chat/")).all("a", href=PATH)
    links = {one["href"] for one in (await page_of(alice)).all("a", data_settings_link="")}
    names = ("change-email", "password_change", "two-factor", "sessions", "data", "delete")
    assert links == {"/usage/", *(f"/accounts/{name}/" for name in names)}
