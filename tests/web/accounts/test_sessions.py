"""The sessions page, and logging out other devices."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import websockets

from chat.models import AuthSession, User, UserSettings
from chat.services.accounts import sessions
from chat.services.accounts.user_agents import UNKNOWN, browser_name
from tests.support.browsers import APPLE, SAFARI, elsewhere
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.site import Site

PATH = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0"


async def page_of(person: Person) -> Page:
    return Page((await person.http.get(PATH)).text)


def ways_to_end(page: Page) -> list[str]:
    return [one["action"] for one in page.all("form") if one["action"].endswith("/end/")]


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/129.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.0 Safari/605.1.15", "Safari on Mac"),
        (f"Mozilla/5.0 (Linux; Android 14) SamsungBrowser/26.0 {CHROME} Safari", "Samsung Internet on Android"),
        (f"Mozilla/5.0 (iPad; CPU OS 17_6) {APPLE} CriOS/129.0.0.0 Safari/604.1", "Chrome on iPad"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36 OPR/114.0.0.0", "Opera on Linux"),
        ("python-httpx/0.28", UNKNOWN),
        ("curl/8.5 Firefox/1 (Linux)", "Unknown browser on Linux"),
        ("<script>alert(1)</script>", UNKNOWN),
        ("\u202e" * 255, UNKNOWN),
        ("", UNKNOWN),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_plain_words(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


async def test_every_session_is_listed_and_the_current_one_is_marked(site: Site, alice: Person, bob: Person) -> None:
    phone = await elsewhere(site, alice)
    await AuthSession.filter(user_agent=SAFARI, user__email=alice.email).update(remembered=False)
    page = await page_of(phone)

    assert len(ways_to_end(page)) == 2
    assert "Safari on iPhone This device 127.0.0.1 · last seen " in page.text
    assert "until the browser is closed" in page.text
    assert "Unknown browser 127.0.0.1 · last seen " in page.text
    assert page.text.count("This device") == 1
    assert len(ways_to_end(await page_of(bob))) == 1
    await phone.http.aclose()


async def test_another_place_is_logged_out_and_its_open_tabs_close(site: Site, alice: Person) -> None:
    phone = await elsewhere(site, alice)
    this = str((await sessions.active_sessions(await User.get(email=alice.email)))[0][-1].id)
    [other] = [way for way in ways_to_end(await page_of(alice)) if this not in way]
    async with phone.tab(await past_thread(alice)) as tab, alice.tab(await past_thread(alice)) as own:
        await tab.until_type("thread.snapshot")
        await own.until_type("thread.snapshot")
        answer = await alice.http.post(other)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await tab.receive()
        await own.send({"type": "sync"})
        await own.until_type("thread.snapshot")

    assert closed.value.rcvd.code == 4501
    assert (answer.status_code, answer.headers["Location"]) == (303, PATH)
    assert (await page_of(alice)).find("p", role="status").text == "Logged out Safari on iPhone."
    assert (await is_logged_in(alice), await is_logged_in(phone)) == (True, False)
    assert (await alice.http.post(other)).status_code == 404
    await phone.http.aclose()


async def test_ending_the_current_session_logs_out(alice: Person) -> None:
    [this] = ways_to_end(await page_of(alice))
    answer = await alice.http.post(this)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not await is_logged_in(alice)


async def test_a_strangers_session_is_not_found(alice: Person, bob: Person, nobody: Person) -> None:
    [his] = ways_to_end(await page_of(bob))
    unknown = f"{PATH}{uuid.uuid4()}/end/"

    assert [(await alice.http.post(path)).status_code for path in (his, unknown)] == [404, 404]
    assert (await nobody.http.post(his)).headers["Location"].startswith("/accounts/login/")
    assert await is_logged_in(bob)


async def test_all_others_are_logged_out_at_once(site: Site, alice: Person, bob: Person) -> None:
    others = [await elsewhere(site, alice) for _ in range(2)]
    await alice.http.post(f"{PATH}end-others/")

    assert (await page_of(alice)).find("p", role="status").text == "All other sessions are logged out."
    assert [await is_logged_in(one) for one in (alice, bob, *others)] == [True, True, False, False]
    assert len(ways_to_end(await page_of(alice))) == 1
    assert not (await page_of(alice)).all("form", action=f"{PATH}end-others/")
    for other in others:
        await other.http.aclose()


@pytest.mark.parametrize(("name", "days"), [("last_seen_at", 2), ("created_at", 31)])
async def test_what_is_over_is_not_listed(site: Site, alice: Person, name: str, days: int) -> None:
    phone = await elsewhere(site, alice)
    user = await User.get(email=alice.email)
    then = datetime.now(UTC) - timedelta(days=days)
    await AuthSession.filter(user_id=user.id, user_agent=SAFARI).update(**{name: then})

    assert len(ways_to_end(await page_of(alice))) == 1
    await phone.http.aclose()


async def test_administrators_are_out_sooner(root: Person) -> None:
    user = await User.get(email=root.email)
    then = datetime.now(UTC) - timedelta(hours=2)
    await AuthSession.create(token_sha256=uuid.uuid4().hex, user=user)
    await AuthSession.filter(user_id=user.id, user_agent="").update(last_seen_at=then)

    assert len(ways_to_end(await page_of(root))) == 1


async def test_only_the_newest_sessions_are_listed_with_the_total(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await AuthSession.bulk_create(AuthSession(token_sha256=uuid.uuid4().hex, user_id=user.id) for _ in range(60))
    page = await page_of(alice)

    assert len(ways_to_end(page)) == 50
    assert "the newest 50 of 61" in page.text


async def test_what_a_cookie_finds_is_what_is_stored_and_can_be_changed(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await User.filter(id=user.id).update(display_name="Alice", monthly_budget="12.3456", login_failures=3)
    await UserSettings.filter(user_id=user.id).update(theme="dark", model="gpt-6-luna")
    token = await sessions.start_session(user, ip="198.51.100.7", user_agent=SAFARI, remembered=False)
    stored = await AuthSession.filter(user_id=user.id, ip="198.51.100.7").select_related("user__settings").get()
    found = await sessions.find_session(token)
    assert found

    for one, other in ((found, stored), (found.user, stored.user), (found.user.settings, stored.user.settings)):
        assert dict(one) == dict(other)
    found.user.display_name = "Alicia"
    await found.user.save()
    assert (await User.get(id=user.id)).display_name == "Alicia"
