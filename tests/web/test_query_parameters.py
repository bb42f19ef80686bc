"""Whatever an address's query string says, the answer is a page or a plain error, never the site's own."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chat.models import ChatThread, User
from chat.web.admin.tables import TABLES
from tests.support.cast import Person

WEB = Path(__file__).parents[2] / "chat" / "web"
ADMIN = {f"/admin/{table.path}/": table for table in TABLES.values()}
# Everything that a view reads by its own name; `v` is that of static files.
OWN = {
    "month": "/usage/",
    "chats": "/chat/{thread}/",
    "before": "/chat/api/threads/{thread}/messages/",
    "next": "/admin/confirm/",
    "again": "/accounts/verify-email/sent/",
    "edit": "/chat/{thread}/",
    "size": "/chat/api/threads/",
    "v": "/static/images/favicon.svg",
    "q": "/search/",
    "chat": "/search/",
    "at": "/chat/{thread}/",
}
NUMBERS = st.integers(-(10**30), 10**30).map(str) | st.floats(allow_nan=True).map(str)
DATES = st.from_regex(r"\A-?[0-9]{1,5}-[0-9]{1,2}(-[0-9]{1,3}([T ][0-9:.+Z]{0,20})?)?\Z")
IDS = st.uuids().map(str)
CURSORS = st.tuples(IDS | st.just(""), st.sampled_from(["~", "~~", ""]), NUMBERS | DATES | st.text(max_size=20)).map(
    "".join
)
VALUES = (
    NUMBERS | DATES | IDS | CURSORS | st.text(max_size=200) | st.sampled_from(["", "\x00", "\ufeff", "%", "٣", "None"])
)
SEEN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def names_of(path: str) -> list[str]:
    """The parameters of a list."""
    return ["after", "sort", "q", *[one.name for one in ADMIN[path].filters]]


async def thread_of(person: Person) -> ChatThread:
    """A thread without messages."""
    return await ChatThread.create(user=await User.get(email=person.email), title="Parameters")


def test_every_parameter_that_a_view_reads_is_walked() -> None:
    read = {
        name
        for path in WEB.rglob("*.py")
        for name in re.findall(r'args\.get\("(\w+)"|"(\w+)" in request\.args', path.read_text())
    }

    assert {one or other for one, other in read} <= set(OWN)


@SEEN
@given(st.sampled_from(sorted(OWN)), VALUES)
@example("month", "0000-01")
@example("month", "9999-12")
@example("before", "9" * 40)
async def test_the_parameters_of_a_page(root: Person, name: str, value: str) -> None:
    thread = await ChatThread.filter(user__email=root.email).first() or await thread_of(root)
    answer = await root.http.get(OWN[name].format(thread=thread.id), params={name: value})

    assert answer.status_code in (200, 303, 422), (name, value)


@SEEN
@given(
    st.sampled_from(sorted(ADMIN)).flatmap(lambda path: st.tuples(st.just(path), st.sampled_from(names_of(path)))),
    VALUES,
)
async def test_the_parameters_of_the_lists(root: Person, where: tuple[str, str], value: str) -> None:
    answer: httpx.Response = await root.http.get(where[0], params={where[1]: value})

    assert answer.status_code in (200, 422), (where, value)
