"""Declared lists in SQL: search, filters, sort orders and cursors."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chat.models import User
from chat.services.admin import grid_sql
from chat.services.admin.grid import (
    ChoiceFilter,
    Column,
    InvalidQuery,
    Sort,
    Table,
    ValueFilter,
    decimal_key,
    identifier,
    timestamp_key,
)
from tests.support import patches
from tests.support.site import Site

PEOPLE = Table(
    name="people",
    title="People",
    singular="Person",
    model=User,
    columns=(Column("email", "Email"), Column("shout", "Shout", "upper(t.email)")),
    search="t.email LIKE {}",
    is_prefix_search=True,
    filters=(
        ChoiceFilter("active", "Active", {"yes": "t.is_active", "no": "NOT t.is_active"}),
        ValueFilter("id", "Person", "t.id = {}", identifier),
    ),
    sorts=(Sort("newest", "Newest first"), Sort("email", "By email", "t.email", str, descending=False)),
)


@pytest.fixture
async def people(site: Site) -> tuple[str, list[str]]:
    """The common start of some addresses, and the addresses in order; the last is of a disabled user."""
    start = f"p{uuid.uuid4().hex}"
    emails = [f"{start}_{number}@example.com" for number in range(5)]
    for email in emails:
        await User.create(email=email, password_hash="x", is_active=email != emails[-1])
    return start, emails


async def emails_of(**arguments: Any) -> list[str]:
    return [row["email"] for row in (await grid_sql.page(PEOPLE, arguments)).rows]


async def test_conditions_are_combined(people: tuple[str, list[str]]) -> None:
    start, emails = people

    assert sorted(await emails_of(q=start)) == emails  # ids of one millisecond have no order
    assert await emails_of(q=start, sort="email") == emails
    assert await emails_of(q=start, active="no") == emails[-1:]
    [row] = (await grid_sql.page(PEOPLE, {"q": start, "active": "no"})).rows
    assert await emails_of(id=str(row["id"]), active="yes") == []
    assert row["shout"] == emails[-1].upper()


async def test_wildcards_of_a_search_are_literal(people: tuple[str, list[str]]) -> None:
    start, emails = people

    assert await emails_of(q=f"{start}_0") == emails[:1]
    assert await emails_of(q=f"{start[:-1]}__") == []
    assert await emails_of(q=f"{start}%") == []


@pytest.mark.parametrize("sort", ["newest", "email"])
async def test_a_cursor_continues_after_its_row(
    people: tuple[str, list[str]], sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.GRID_PAGE.replace(monkeypatch, 2)
    arguments, seen, counts = {"q": people[0], "sort": sort}, [], set()
    while True:
        page = await grid_sql.page(PEOPLE, arguments)
        seen += [row["email"] for row in page.rows]
        counts.add(page.count)
        if not page.cursor:
            break
        arguments["after"] = page.cursor

    assert (seen if sort == "email" else sorted(seen)) == people[1]
    assert counts == {5}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"active": "perhaps"}, "“perhaps” is not an option of “Active”"),
        ({"id": "1"}, "“1” is not valid for “Person”"),
        ({"sort": "password_hash"}, "There is no sort order “password_hash”"),
        ({"after": "x"}, "This page of the list does not exist"),
    ],
)
async def test_an_invalid_argument_is_named(site: Site, arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidQuery, match=sentence):
        await grid_sql.page(PEOPLE, arguments)


@pytest.mark.parametrize("text", ["1e999999", "NaN", "-1", "9" * 13])
def test_a_forged_number_in_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decimal_key(text)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T00:00:00-12:00"])
def test_a_forged_time_in_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamp_key(text)


def test_the_recorded_query_is_short_and_has_known_arguments_only() -> None:
    arguments = {"q": "x" * 500, "active": "yes", "after": "cursor", "unknown": "1"}

    assert grid_sql.recorded_query(PEOPLE, arguments) == {"q": "x" * 40, "active": "yes"}
