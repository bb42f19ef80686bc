"""How lists are declared: columns, search, filters, sort orders, related rows and actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from inspect import signature
from typing import Any
from uuid import UUID

from tortoise.models import Model

Row = dict[str, Any]

EARLIEST_YEAR, LATEST_YEAR = 1970, 9000
DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


class InvalidQuery(Exception):
    """A list's query string has an invalid value. The sentence says which one, and how to write it."""


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` says how a value is shown; `link` is SQL for the address of a row, like `users/<id>`."""

    name: str
    label: str
    sql: str = ""
    kind: str = "text"  # or: time, day, usd, number, yes, ms, code
    link: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceFilter:
    """A filter with a few options; each option is an SQL condition."""

    name: str
    label: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """A filter for a typed or linked value; `sql` has a `{}` for each value that `parse` returns."""

    name: str
    label: str
    sql: str
    parse: Callable[[str], tuple[Any, ...]]
    kind: str = "link"  # or: text, date, month

    @property
    def is_typed(self) -> bool:
        """Whether this filter has an input field; otherwise only links set it."""
        return self.kind != "link"


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort order. `parse` reads its value in a cursor; `condition` limits a table too long to be sorted whole."""

    name: str
    label: str
    sql: str = "t.id"
    parse: Callable[[str], Any] = UUID
    descending: bool = True
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Related rows of another table: those for which its filter has the value of the row's column `of`."""

    table: str
    filter: str
    of: str = "id"


@dataclass(frozen=True, slots=True)
class Action:
    """A change to a row, made after a confirmation page; `applies` says for which rows."""

    name: str
    label: str
    consequences: str  # a sentence or two for the confirmation page
    change: Callable[..., Coroutine[Any, Any, None]]
    applies: Callable[[Row], bool]
    value: str = ""  # the label of its input field, if it has one
    shows: Sequence[str] = ()  # columns shown on the confirmation page
    is_danger: bool = False

    @property
    def path(self) -> str:
        """The action's part of an address."""
        return self.name.replace("_", "-")

    @property
    def dependencies(self) -> list[str]:
        """The keyword parameters of `change`: members of the site's resources, by name."""
        return [name for name, value in signature(self.change).parameters.items() if value.kind is value.KEYWORD_ONLY]


@dataclass(frozen=True, slots=True)
class Table:
    """A list and its detail pages. In SQL the table is `t`, and its rows have an `id`. The audit log uses its name."""

    name: str
    title: str
    singular: str  # its title for one row
    model: type[Model]
    columns: Sequence[Column]
    details: Sequence[Column] = ()
    joins: str = ""
    condition: str = ""  # of all its rows
    search: str = ""  # a condition with a `{}`; ids can always be searched
    search_hint: str = "ID"
    is_prefix_search: bool = False
    filters: Sequence[ChoiceFilter | ValueFilter] = ()
    sorts: Sequence[Sort] = (Sort("newest", "Newest first"),)
    sections: Sequence[Section] = ()
    actions: Sequence[Action] = ()
    create: str = ""  # the label of the link to the page that adds a row
    text: str = ""  # SQL for (label, text) rows of private content; each view is recorded

    @property
    def path(self) -> str:
        """The list's part of an address."""
        return self.name.replace("_", "-")

    @property
    def source(self) -> str:
        """The FROM clause."""
        return f"{self.model._meta.db_table} t {self.joins}"


def identifier(text: str) -> tuple[UUID]:
    return (UUID(text),)


def as_text(text: str) -> tuple[str]:
    return (text,)


def day(text: str) -> tuple[datetime, datetime]:
    """The start of the day and of the next one, UTC."""
    start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    return start, start + timedelta(days=1)


def since(text: str) -> tuple[datetime]:
    """The start of the day, UTC."""
    return day(text)[:1]


def month(text: str) -> tuple[date]:
    """The first day of a month like 2026-11."""
    return (date.fromisoformat(f"{text}-01"),)


def timestamp_key(text: str) -> datetime:
    """A time in a cursor: with its zone, and in a year that every time zone can represent."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise ValueError(text)
    return found


def decimal_key(text: str) -> Decimal:
    """A number in a cursor, in the form that cursors use: a forged one could have a thousand digits."""
    if not DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)
