"""How tables are declared: what a list shows, filters and sorts by, what belongs to a row and can be done to it."""

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
FIGURE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


class Unreadable(Exception):
    """Something in the address of a list means nothing; the sentence says what would."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` says how it is written; `link` is SQL for the address of a row, like `users/<id>`."""

    name: str
    label: str
    sql: str = ""
    kind: str = "text"  # or: time, day, usd, number, yes, ms, code
    link: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter with a few answers, each of them a condition."""

    name: str
    label: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Value:
    """A filter for something typed, or brought by a link; `sql` has a `{}` for each thing that `parse` finds."""

    name: str
    label: str
    sql: str
    parse: Callable[[str], tuple[Any, ...]]
    kind: str = "link"  # or: text, date, month

    @property
    def is_typed(self) -> bool:
        """Whether people fill it in; else links bring it."""
        return self.kind != "link"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order. `parse` reads its value in a cursor; `among` is for what is too long to be sorted as a whole."""

    name: str
    label: str
    sql: str = "t.id"
    parse: Callable[[str], Any] = UUID
    descending: bool = True
    among: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of another table that belong to a row: those for which that table's filter has this column's value."""

    table: str
    filter: str
    of: str = "id"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to a row, after a question. `applies` looks at the row."""

    name: str
    label: str
    asks: str  # what it will do, in a sentence or two
    change: Callable[..., Coroutine[Any, Any, None]]
    applies: Callable[[Row], bool]
    value: str = ""  # the label of what has to be typed for it, if anything
    shows: Sequence[str] = ()  # the columns that one wants to see before
    is_danger: bool = False

    @property
    def collaborators(self) -> list[str]:
        """What `change` wants besides the order, by name."""
        return [one.name for one in signature(self.change).parameters.values() if one.kind is one.KEYWORD_ONLY]


@dataclass(frozen=True, slots=True)
class Table:
    """A list with its details, for rows that have an `id` and are called `t`."""

    name: str
    title: str
    one: str
    model: type[Model]
    columns: Sequence[Column]
    details: Sequence[Column] = ()
    joins: str = ""
    search: str = ""  # a condition with a `{}`; an id is always found
    search_hint: str = "Id"
    is_search_for_beginnings: bool = False
    filters: Sequence[Choice | Value] = ()
    sorts: Sequence[Sort] = (Sort("newest", "Newest first"),)
    sections: Sequence[Section] = ()
    actions: Sequence[Action] = ()
    text: str = ""  # SQL of label and text, for a recorded look

    @property
    def source(self) -> str:
        """What stands behind FROM."""
        return f"{self.model._meta.db_table} t {self.joins}"


def identifier(text: str) -> tuple[UUID]:
    """For filters that links bring."""
    return (UUID(text),)


def words(text: str) -> tuple[str]:
    """As it is."""
    return (text,)


def day(text: str) -> tuple[datetime, datetime]:
    """From midnight to midnight, UTC."""
    start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    return start, start + timedelta(days=1)


def start(text: str) -> tuple[datetime]:
    """The midnight with which a day begins, UTC."""
    return day(text)[:1]


def month(text: str) -> tuple[date]:
    """Its first day."""
    return (date.fromisoformat(f"{text}-01"),)


def moment(text: str) -> datetime:
    """In a cursor: with its zone, and of a year that every zone can say."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise ValueError(text)
    return found


def figure(text: str) -> Decimal:
    """In a cursor: as it is written there, and not the number of a thousand digits that somebody else writes."""
    if not FIGURE.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)
