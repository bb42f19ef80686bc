"""Every route while PostgreSQL accepts no writes: reads work, writes answer 503, and nothing is a 500."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from werkzeug.routing import Rule

from chat.database import credentials, query
from chat.models import AuthSession, User
from tests.support.cast import PASSWORD, Person
from tests.support.full_disk import failing_writes
from tests.support.replies import ready
from tests.support.routes import APP
from tests.support.stores import Stores

READABLE = {"/chat/", "/usage/", "/accounts/settings/", "/admin/", "/healthz", "/readyz"}
FORM = {
    "password": PASSWORD,
    "old_password": PASSWORD,
    "password1": "another-good-passphrase-8",
    "password2": "another-good-passphrase-8",
    "new_password1": "another-good-passphrase-8",
    "new_password2": "another-good-passphrase-8",
    "message": "say Hello",
    "title": "A title",
    "display_name": "A name",
    "theme": "dark",
    "enter_key": "send",
    "code": "123456",
    "reason": "A reason",
    "value": "12.50",
    "confirm": "y",
}


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is not one of the site's."""
    settings = {"server_settings": {"application_name": "admin"}}
    connection = await asyncpg.connect(**credentials(stores.database_url) | settings)
    yield connection
    await connection.close()


def paths(method: str, values: dict[str, Any]) -> Iterator[str]:
    """The address of each route for this method, of the rows that the values name."""
    rule: Rule
    for rule in APP.url_map.iter_rules():
        if method in (rule.methods or ()) and not rule.alias and not rule.rule.startswith(("/ws/", "/static/")):
            built = rule.build({name: values[name] for name in rule.arguments})
            assert built, rule
            yield built[1]


async def rows_of(person: Person) -> dict[str, Any]:
    """An argument of every name that routes have."""
    posted, user = await ready(person), await User.get(email=person.email)
    session = await AuthSession.filter(user_id=user.id).first()
    assert session
    return {
        "thread_id": posted["thread_id"],
        "message_id": posted["reply_id"],
        "answer_id": posted["reply_id"],
        "session_id": session.id,
        "user_id": user.id,
        "row_id": user.id,
        "name": "users",
        "action_name": "budget",
        "token": "x" * 43,
        "path": "images/favicon.svg",
        "filename": "images/favicon.svg",
    }


async def test_every_page_answers_while_nothing_can_be_written(
    alice: Person, root: Person, nobody: Person, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    values = [(person, await rows_of(person)) for person in (alice, root)]
    await query("UPDATE auth_session SET last_seen_at = last_seen_at - interval '5 minutes'")  # or nothing is written
    async with failing_writes(admin):
        for person, rows in (*values, (nobody, values[0][1])):
            for path in paths("GET", rows):
                answer = await person.http.get(path)
                assert answer.status_code < 500, path
                if path in READABLE and person is root:
                    assert answer.status_code == 200, path

    assert not [record for record in caplog.records if record.exc_info]


async def test_every_form_says_later_while_nothing_can_be_written(
    alice: Person, root: Person, nobody: Person, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    values = [(person, await rows_of(person)) for person in (alice, root)]
    later = set()
    async with failing_writes(admin):
        for person, rows in (*values, (nobody, values[0][1])):
            for path in paths("POST", rows):
                answer = await person.http.post(path, data=FORM | {"email": person.email or values[0][0].email})
                assert answer.status_code != 500, path
                assert answer.headers["Content-Security-Policy"], path
                if answer.status_code == 503:
                    later.add(path)
                    assert answer.headers["Retry-After"] == "5", path

    assert {"/accounts/login/", "/accounts/signup/", "/chat/"} <= later
    assert not [record for record in caplog.records if record.exc_info]
