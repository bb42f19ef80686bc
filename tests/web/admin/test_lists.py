"""The administrators' lists: access, search, filters, pages, details and CSV."""

from __future__ import annotations

import csv
import html
import io
import uuid
from collections.abc import AsyncIterator
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from chat import models
from chat.llm.advice import ADVICE
from chat.llm.events import Code
from chat.models import (
    AuditEntry,
    AuthSession,
    ChatMessage,
    ChatThread,
    EmailVerificationToken,
    Generation,
    LLMCallLog,
    PasswordResetToken,
    ToolCall,
    User,
    UserMonthlyUsage,
)
from chat.models.ids import uuid7
from chat.security.limits import DOWNLOAD, PREFERENCE
from chat.services.admin import grid_sql
from chat.text import FORMULAS
from chat.web.admin.tables import EXCUSED, TABLES
from tests.support import patches
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.routes import APP
from tests.support.site import Site

PATHS = [table.path for table in TABLES.values()]
SECRETS = ("token_sha256", "password_hash", "code_sha256", "nonce")


async def page_of(person: Person, path: str, status: int = 200) -> Page:
    answer = await person.http.get(path)
    assert answer.status_code == status, (path, answer.text)
    return Page(answer.text)


async def file_of(person: Person, name: str, wanted: str = "", **more: Any) -> httpx.Response:
    """The download of a list, requested like its form does."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await person.http.post(f"/admin/{name}/csv/", content=wanted, headers=headers | more)


async def call(user: User | None, **more: Any) -> LLMCallLog:
    known = {"model_asked": "gpt-6-luna", "model": "gpt-6-luna", "status": "completed", "cost": "0.25"}
    return await LLMCallLog.create(user=user, **known | more)


def emails(page: Page) -> list[str]:
    return [link.text for link in page.all("a") if "@example.com" in link.text]


def test_every_model_is_listed_or_excused() -> None:
    stored = {one for one in vars(models).values() if isinstance(one, type) and issubclass(one, models.User.__base__)}

    assert {table.model for table in TABLES.values()} | EXCUSED.keys() == stored
    assert not {table.model for table in TABLES.values()} & EXCUSED.keys()


def test_no_list_shows_secrets_or_private_content() -> None:
    words = {ChatThread: "title", ChatMessage: "content", Generation: "partial", ToolCall: "output"}
    for table in TABLES.values():
        shown = [column.sql or column.name for column in (*table.columns, *table.details)]
        forbidden = [*SECRETS, f"t.{words.get(table.model, '-')}"]
        assert not [sql for sql in shown if sql.removeprefix("t.") in [one.removeprefix("t.") for one in forbidden]]


def test_sections_refer_to_filters_that_exist() -> None:
    for table in TABLES.values():
        assert len({column.name for column in (*table.columns, *table.details)}) == len(table.columns) + len(
            table.details
        )
        for section in table.sections:
            assert section.filter in {one.name for one in TABLES[section.table].filters}, (table.name, section)


def admin_paths(row_id: uuid.UUID, only: str = "") -> list[tuple[str, str]]:
    """Every address of the administration, for each list (or one) and its actions."""
    found = []
    for rule in APP.url_map.iter_rules():
        if not rule.rule.startswith("/admin/"):
            continue
        path = rule.rule.replace("<uuid:row_id>", str(row_id))
        tables = [table for table in TABLES.values() if only in ("", table.name)] if "<name>" in path else [None]
        for table in tables:
            named = path.replace("<name>", table.path) if table else path
            actions = [action.path for action in table.actions] if table and "<action_name>" in path else [""]
            for action, method in product(actions, sorted((rule.methods or set()) & {"GET", "POST"})):
                found.append((method, named.replace("<action_name>", action)))
    return found


async def test_all_other_users_get_404_at_every_address(
    nobody: Person, alice: Person, root: Person, bob: Person
) -> None:
    await User.filter(email=bob.email).update(is_staff=True)
    await page_of(bob, "/admin/users/")
    await User.filter(email=bob.email).update(is_staff=False)
    target = await User.get(email=alice.email)
    paths = admin_paths(target.id)
    assert len(paths) > 60
    for person, (method, path) in product((nobody, alice, bob), paths):
        answer = await person.http.request(
            method, path, data={"reason": "I want to", "password": "x"} if method == "POST" else None
        )
        assert answer.status_code == 404, (method, path)
        assert "no such page" in answer.text
    assert await User.get(email=alice.email) == target
    for path in (f"/admin/{name}/" for name in PATHS):
        await page_of(root, path)


METHODS = ("GET", "OPTIONS", "POST", "DELETE", "NONSENSE")


async def test_no_method_or_spelling_reveals_that_the_admin_exists(
    nobody: Person, alice: Person, root: Person, bob: Person
) -> None:
    await User.filter(email=bob.email).update(is_staff=False)
    row_id = (await User.get(email=alice.email)).id
    for path in sorted({path for _, path in admin_paths(row_id, only="sessions")}):
        for person, method in product((nobody, alice, bob), METHODS):
            others = (path.rstrip("/"), "/" + path.replace("/admin/", "/admin//")) if method == "GET" else ()
            for spelled in (path, *others):
                answer = await person.http.request(method, f"{person.site.url}{spelled}")
                assert (answer.status_code, answer.headers.get("Allow")) == (404, None), (method, spelled)
        assert (await root.http.request("OPTIONS", path)).status_code == 200, path


async def test_the_404_comes_before_any_limit(throttled: Site, alice: Person) -> None:
    async with Person.visiting(throttled) as person:  # sign-ups there share one limit among all tests
        person.http.cookies.update(dict(alice.http.cookies))
        answers = [await person.http.post("/admin/confirm/") for _ in range(PREFERENCE.count + 2)]

    assert {answer.status_code for answer in answers} == {404}


async def test_users_are_found_by_the_start_of_the_address_or_by_id(root: Person, alice: Person) -> None:
    user = await User.get(email=alice.email)

    assert emails(await page_of(root, f"/admin/users/?q={alice.email[:12].upper()}")) == [alice.email]
    assert emails(await page_of(root, f"/admin/users/?q={user.id}")) == [alice.email]
    assert emails(await page_of(root, f"/admin/users/?q={alice.email[1:]}")) == []
    assert emails(await page_of(root, "/admin/users/?q=%25")) == []
    assert emails(await page_of(root, "/admin/users/?q=_lice")) == []


async def test_filters_select_matching_rows(root: Person, alice: Person) -> None:
    beginning = f"q={alice.email}"
    assert emails(await page_of(root, f"/admin/users/?{beginning}&is_staff=no&is_active=yes")) == [alice.email]
    assert emails(await page_of(root, f"/admin/users/?{beginning}&is_staff=yes")) == []

    user = await User.get(email=alice.email)
    model = f"model-{uuid7()}"
    failed, guessed = (
        await call(user, model="", model_asked=model, status="lost"),
        await call(user, model=model, estimated=True),
    )
    for wanted, one in (("status=lost", failed), ("status=any+error", failed), ("estimated=yes", guessed)):
        page = await page_of(root, f"/admin/calls/?model={model}&{wanted}")
        assert page.all("a", href=f"/admin/calls/{one.id}/"), wanted
        assert "1 row" in page.text
    assert "2 rows" in (await page_of(root, f"/admin/calls/?model={model}&q={alice.email}")).text
    assert "2 rows" in (await page_of(root, f"/admin/calls/?model={model}&day={failed.created_at:%Y-%m-%d}")).text
    assert "0 rows" in (await page_of(root, f"/admin/calls/?model={model}&day=2001-01-01")).text
    await call(user, model=model, status="refused", cost=None)
    assert "1 row" in (await page_of(root, f"/admin/calls/?model={model}&status=any+error")).text
    assert "1 row" in (await page_of(root, f"/admin/calls/?model={model}&status=refused&price=unknown")).text


@pytest.mark.parametrize("status", ["rate_limited", "quota_exceeded", "wrong_api", "model_not_found", "bad_request"])
async def test_the_message_of_an_error_is_shown_only_as_recorded_content(
    root: Person, alice: Person, status: str
) -> None:
    words = f"HTTP 429: no more of “{uuid.uuid4()}” today"
    row = await call(await User.get(email=alice.email), status=status, error=words)
    pages = [await root.http.get(f"/admin/calls/{path}") for path in (f"{row.id}/", f"?q={row.id}")]
    for shown in (*pages, await file_of(root, "calls", f"q={row.id}")):
        assert status in shown.text
        assert words not in shown.text

    assert ADVICE[Code(status)] in html.unescape(pages[0].text)
    assert words in (await root.http.post(f"/admin/calls/{row.id}/text/", data={"reason": "It failed"})).text
    assert await AuditEntry.exists(object_id=str(row.id), action="calls.look", reason="It failed")


@pytest.mark.parametrize("sort", ["newest", "cost", "slow"])
async def test_pages_have_every_row_once(root: Person, sort: str) -> None:
    model, count = f"model-{uuid7()}", 2 * grid_sql.PAGE + 3
    made = [
        await call(None, model=model, duration_ms=number % 7, cost=[None, "0.5", "0", "0.0000005"][number % 4])
        for number in range(count)
    ]
    seen: list[str] = []
    path = f"/admin/calls/?model={model}&sort={sort}"
    while path:
        page = await page_of(root, path)
        assert f"{count} rows" in page.text
        seen += [a["href"].split("/")[3] for a in page.all("a") if a.get("href", "").startswith("/admin/calls/0")]
        path = page.find("a", rel="next")["href"] if page.all("a", rel="next") else ""

    assert sorted(seen) == sorted(str(one.id) for one in made)
    if sort == "newest":
        assert seen == sorted(seen, reverse=True)


async def test_rows_above_ten_thousand_are_not_counted(root: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.MOST_COUNTED.replace(monkeypatch, 1)
    model = f"model-{uuid7()}"
    for _ in range(3):
        await call(None, model=model)

    assert "1+ rows" in (await page_of(root, f"/admin/calls/?model={model}")).text


GARBAGE = [
    "after=x",
    "after=~",
    "after=' OR 1=1",
    "sort=id;DROP TABLE users",
    "sort=email&after=x~%00",
    "sort=seen&after=0192d5c0-0000-7000-8000-000000000000~0001-01-01T00:00:00%2B14:00",
    "sort=cost&after=0192d5c0-0000-7000-8000-000000000000~1e999999",
    "sort=cost&after=0192d5c0-0000-7000-8000-000000000000~NaN",
    "is_staff=perhaps",
    "status='; --",
    "state=x",
    "day=yesterday",
    "day=9999-12-31",
    "since=0000-00-00",
    "month=2026-13",
    "user=1",
    "object=1",
    "thread=%00",
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_an_invalid_query_string_is_refused_and_never_fails(root: Person, garbage: str) -> None:
    refused = 0
    for name in PATHS:
        for answer in (await root.http.get(f"/admin/{name}/?{garbage}"), await file_of(root, name, garbage)):
            assert answer.status_code in (200, 422), (name, garbage)
            refused += answer.status_code == 422
    assert refused


@pytest.mark.parametrize("text", ["%00", "\\", "%25%25", "' OR 1=1 --", "🔑" * 500, "x" * 3000, "%F0%9F", "-1"])
async def test_any_search_text_is_accepted(root: Person, text: str) -> None:
    for name in PATHS:
        assert (await root.http.get(f"/admin/{name}/?q={text}")).status_code in (200, 422), name


async def test_a_row_shows_its_details_and_links_to_related_rows(root: Person, alice: Person) -> None:
    asked = await alice.ask("What is what?")
    user = await User.get(email=alice.email)
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    page = await page_of(root, f"/admin/users/{user.id}/")
    assert page.find("h1").text == alice.email
    for path in (
        f"/admin/threads/{asked['thread_id']}/",
        f"/admin/sessions/{(await AuthSession.get(user=user)).id}/",
    ):
        assert page.all("a", href=path), path
    generation = await Generation.get(answer_id=asked["reply_id"])
    for path in (
        f"/admin/messages/{asked['reply_id']}/",
        f"/admin/generations/{generation.id}/",
        f"/admin/calls/{(await LLMCallLog.filter(generation=generation).first()).id}/",  # type: ignore[union-attr]
        f"/admin/months/{(await UserMonthlyUsage.get(user=user)).id}/",
    ):
        page = await page_of(root, path)
        assert page.all("a", href=f"/admin/users/{user.id}/"), path
        assert "What is what?" not in page.text


async def test_no_page_shows_content_or_tokens(root: Person, alice: Person) -> None:
    secret = f"secret{uuid.uuid4().hex}"
    asked = await alice.ask(f"{secret} is my secret. [offline: tool=calculate]")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    user = await User.get(email=alice.email)
    await EmailVerificationToken.create(token_sha256=secret, user=user, email=user.email, expires_at=user.created_at)
    await PasswordResetToken.create(token_sha256=secret, user=user, email=user.email, expires_at=user.created_at)
    for name, table in zip(PATHS, TABLES.values(), strict=True):
        answers = [await root.http.get(f"/admin/{name}/"), await file_of(root, name)]
        for row in await table.model.all().order_by("-id").limit(3):
            answers.append(await root.http.get(f"/admin/{name}/{row.pk}/"))
        for answer in answers:
            assert answer.status_code == 200
            assert secret not in answer.text
            assert "a" * 3 + "$argon2" not in answer.text and "$argon2" not in answer.text


async def test_earlier_addresses_redirect(root: Person, alice: Person) -> None:
    row = f"/admin/users/{(await User.get(email=alice.email)).id}"
    for old, new in (
        ("/admin/tool_calls/?state=done&name=a_b", "/admin/tool-calls/?state=done&name=a_b"),
        (f"{row}/set_budget/", f"{row}/set-budget/"),
    ):
        answer = await root.http.get(old)
        assert (answer.status_code, answer.headers["Location"]) == (308, new)
        assert (await root.http.get(new)).status_code == 200
        assert (await alice.http.get(old)).status_code == 404


async def test_unknown_lists_and_rows_get_404(root: Person) -> None:
    for path in (
        "/admin/nothing/",
        f"/admin/users/{uuid7()}/",
        "/admin/users/1/",
        f"/admin/nothing/{uuid7()}/",
    ):
        assert (await root.http.get(path)).status_code == 404, path
    assert (await file_of(root, "nothing")).status_code == 404


async def test_a_download_has_no_formulas(root: Person) -> None:
    names = [f"{sign}cmd|' /C calc'!A0 {uuid.uuid4().hex}" for sign in (*FORMULAS, "")]
    model, many = f"many-{uuid7()}", 3
    for name in names:
        await ChatThread.create(user=await User.get(email=root.email), model=name)
    for _ in range(many):
        await call(None, model=model)
    user = await User.get(email=root.email)
    answer = await file_of(root, "threads", f"user={user.id}")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="threads-')
    head, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert head[:3] == ["id", "Last message (UTC)", "User"]
    column = head.index("Model")
    harmless = [f"'{one}" if one[0] in FORMULAS else one for one in names]
    assert sorted(line[column] for line in lines) == sorted(harmless)
    assert len((await file_of(root, "calls", f"model={model}")).text.splitlines()) == many + 1

    await AuthSession.filter(user=user).update(user_agent="Linux;=cmd")
    [_, session] = csv.reader(io.StringIO((await file_of(root, "sessions", f"user={user.id}")).text))
    assert session[4] == "Unknown browser on Linux", "in some locales a semicolon separates cells"


async def test_the_download_button_requests_the_same_rows(root: Person) -> None:
    model = f'<b>"{uuid7()}'
    made = await call(None, model=model)
    page = await page_of(root, f"/admin/calls/?model={quote(model)}&sort=cost&status=&after=")
    assert page.find("form", action="/admin/calls/csv/")["method"] == "post"
    asked = {field["name"]: field["value"] for field in page.all("input", type="hidden")}
    assert asked == {"model": model, "sort": "cost"}
    [_, line] = csv.reader(io.StringIO((await root.http.post("/admin/calls/csv/", data=asked)).text))

    assert (line[0], line[3]) == (str(made.id), model)


async def test_no_link_and_no_other_site_starts_a_download(root: Person) -> None:
    assert (await root.http.get("/admin/users/csv/")).status_code == 405
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await file_of(root, "users", **headers)).status_code == 403

    assert not await AuditEntry.exists(actor_email=root.email)


@pytest.mark.usefixtures("unforgiving")
async def test_downloads_are_limited_and_recorded_with_a_shortened_query(throttled: Site, root: Person) -> None:
    async with Person.visiting(throttled) as person:  # shares the stores
        person.http.cookies.update(dict(root.http.cookies))
        answers = [await file_of(person, "users", f"q={'secret' * 40}{number}") for number in range(DOWNLOAD.count)]
        late = await file_of(person, "users")
    entries = await AuditEntry.filter(actor_email=root.email)

    assert {answer.status_code for answer in answers} == {200}
    assert (late.status_code, "Try again in" in late.text) == (429, True)
    assert [entry.after for entry in entries] == [{"q": "secretsecretsecretsecretsecretsecretsecr"}] * DOWNLOAD.count


async def test_a_download_has_the_rows_of_all_pages(root: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.EXPORTED_AT_ONCE.replace(monkeypatch, 4)
    model = f"model-{uuid7()}"
    made = {str((await call(None, model=model)).id) for _ in range(8)}
    lines = list(csv.reader(io.StringIO((await file_of(root, "calls", f"model={model}&after=x")).text)))

    assert {line[0] for line in lines[1:]} == made
    assert len(lines) == 9


async def test_a_download_is_recorded_and_ends_when_its_user_is_demoted(
    root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.EXPORTED_AT_ONCE.replace(monkeypatch, 1)
    user, model = await User.get(email=root.email), f"model-{uuid7()}"
    for _ in range(3):
        await call(None, model=model)
    exported = grid_sql.exported

    async def demoted_after_the_first(*asked: Any) -> AsyncIterator[list[dict[str, Any]]]:
        async for some in exported(*asked):
            yield some
            await User.filter(id=user.id).update(is_staff=False)

    patches.EXPORTED.replace(monkeypatch, demoted_after_the_first)
    head, first, last = (await file_of(root, "calls", f"model={model}")).text.splitlines()
    [entry] = await AuditEntry.filter(actor_id=user.id)

    assert (head[:3], first.count(model)) == ("id,", 1)
    assert "The download ends here" in last
    assert (entry.action, entry.after, entry.ip) == ("calls.download", {"model": model[:40]}, "127.0.0.1")
