"""Rows of declared tables: a page, one row, or all of them for a file.

All SQL here is put together from declarations, which are constants; whatever comes from outside is a parameter. Pages
are found by key and not by number, so the last page of a million rows costs what the first one does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from chat.database import query
from chat.services.admin.grid import Choice, Column, Row, Sort, Table, Unreadable, Value
from chat.text import storable

PAGE, EXPORTED_AT_ONCE, IN_A_SECTION = 50, 1000, 8
MOST_COUNTED = 10_000  # of more rows than these it is only said that there are more
VALUE_MAX_LENGTH, RECORDED_MAX_LENGTH = 300, 40

READABLE = {
    "link": "Follow the link again, or clear the filters.",
    "text": "Write it as it stands in the list.",
    "date": "Write it like 2026-11-22.",
    "month": "Write it like 2026-11.",
}


@dataclass(slots=True)
class Asked:
    """What is asked of a table: conditions, and their parameters."""

    sort: Sort
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition, with a `{}` for each value or one for all."""
        start = len(self.values) + 1
        self.values += values
        self.conditions.append(condition.format(*(f"${number}" for number in range(start, len(self.values) + 1))))

    @property
    def where(self) -> str:
        """What stands behind WHERE."""
        return " AND ".join(f"({one})" for one in self.conditions) or "true"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, where the next ones begin, and how many there are, up to one more than are counted."""

    rows: list[Row]
    cursor: str
    count: int


async def page(table: Table, wanted: Mapping[str, str]) -> Page:
    """The rows that an address asks for. Raises Unreadable."""
    asked = _question(table, wanted)
    some = f"SELECT 1 FROM {table.source} WHERE {asked.where} LIMIT {MOST_COUNTED + 1}"  # noqa: S608 - see above
    counting = f"SELECT count(*) FROM ({some}) counted"  # noqa: S608
    count = (await query(counting, *asked.values))[0]["count"]
    _go_on(asked, wanted.get("after", ""))
    rows = await _rows(table, asked, limit=PAGE + 1) if count else []
    cursor = _cursor(asked.sort, rows[PAGE - 1]) if len(rows) > PAGE else ""
    return Page(rows[:PAGE], cursor, count)


async def belonging(table: Table, filter_name: str, value: Any) -> list[Row]:
    """The first rows of a section, and one more if there are more."""
    return await _rows(table, _question(table, {filter_name: str(value)}), limit=IN_A_SECTION + 1)


async def find(table: Table, row_id: UUID) -> Row | None:
    """One row with its details."""
    asked = Asked(table.sorts[0])
    asked.add("t.id = {}", row_id)
    rows = await _rows(table, asked, limit=1, columns=[*table.columns, *table.details])
    return rows[0] if rows else None


async def texts(table: Table, row_id: UUID) -> list[Row]:
    """What somebody wrote or was answered: rows of label and text."""
    return await query(table.text, row_id)


async def exported(table: Table, wanted: Mapping[str, str]) -> AsyncIterator[list[Row]]:
    """All rows that an address asks for, some at a time: each time is one statement that nothing waits for."""
    cursor: str | None = ""
    while cursor is not None:
        asked = _question(table, wanted)
        _go_on(asked, cursor)
        rows = await _rows(table, asked, limit=EXPORTED_AT_ONCE)
        yield rows
        cursor = _cursor(asked.sort, rows[-1]) if len(rows) == EXPORTED_AT_ONCE else None


def check(table: Table, wanted: Mapping[str, str]) -> None:
    """Raise Unreadable for what `exported` could not do, before anything is sent."""
    _question(table, wanted)


def meant(table: Table, wanted: Mapping[str, str]) -> dict[str, str]:
    """The part of an address that this table understands, for the record, which is kept for ever: so in short."""
    names = ("q", "sort", *(one.name for one in table.filters))
    return {name: text[:RECORDED_MAX_LENGTH] for name in names if (text := _said(wanted, name))}


def _question(table: Table, wanted: Mapping[str, str]) -> Asked:
    sorts = {sort.name: sort for sort in table.sorts}
    name = wanted.get("sort") or table.sorts[0].name
    if name not in sorts:
        raise Unreadable(f"There is no order “{name[:40]}”. Choose one of {', '.join(sorts)}.")
    asked = Asked(sorts[name])
    if sorts[name].among:
        asked.add(sorts[name].among)
    if text := _said(wanted, "q"):
        _search(table, asked, text)
    for one in table.filters:
        if text := _said(wanted, one.name):
            _filter(one, asked, text)
    return asked


def _said(wanted: Mapping[str, str], name: str) -> str:
    return storable(wanted.get(name, "").strip()[:VALUE_MAX_LENGTH])


def _search(table: Table, asked: Asked, text: str) -> None:
    try:
        asked.add("t.id = {}", UUID(text))
    except ValueError:
        if not table.search:
            raise Unreadable("Only ids can be looked for here; this is none.") from None
        text = text.lower()
        asked.add(table.search, _beginning(text) if table.is_search_for_beginnings else text)


def _beginning(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _filter(one: Choice | Value, asked: Asked, text: str) -> None:
    match one:
        case Choice():
            if text not in one.options:
                raise Unreadable(f"“{text[:40]}” is no choice for “{one.label}”. Choose one of the list.")
            asked.add(one.options[text])
        case Value():
            try:
                asked.add(one.sql, *one.parse(text))
            except (ValueError, OverflowError):
                raise Unreadable(f"“{text[:40]}” cannot be read as “{one.label}”. {READABLE[one.kind]}") from None


def _go_on(asked: Asked, cursor: str) -> None:
    """Behind the row of a cursor. Raises Unreadable."""
    if not cursor:
        return
    row_id, _, value = cursor.partition("~")
    sort = asked.sort
    than = "<" if sort.descending else ">"
    try:
        if sort.sql == "t.id":
            asked.add(f"t.id {than} {{}}", UUID(row_id))
        else:
            asked.add(f"({sort.sql}, t.id) {than} ({{}}, {{}})", sort.parse(storable(value)), UUID(row_id))
    except (ValueError, ArithmeticError):
        raise Unreadable("This is no place in the list. Begin at its start.") from None


def _cursor(sort: Sort, row: Row) -> str:
    if sort.sql == "t.id":
        return str(row["id"])
    value = row["sort_key"]
    return f"{row['id']}~{value:f}" if isinstance(value, Decimal) else f"{row['id']}~{value}"  # never 0E-12


async def _rows(table: Table, asked: Asked, *, limit: int, columns: Sequence[Column] = ()) -> list[Row]:
    """First which rows, then what they show: what a column looks up is looked up for one page only."""
    sort, stored = asked.sort, table.model._meta.db_table
    way = "DESC" if sort.descending else "ASC"
    order = "" if sort.sql == "t.id" else f"sort_key {way}, "
    some = f"""SELECT t.id, {sort.sql} AS sort_key FROM {table.source} WHERE {asked.where}
        ORDER BY {order}t.id {way} LIMIT {limit}"""  # noqa: S608 - see above
    shown = ", ".join(_selected(columns or table.columns))
    sql = f"SELECT t.id, sort_key, {shown} FROM {stored} t JOIN ({some}) page ON page.id = t.id {table.joins}"  # noqa: S608
    return await query(f"{sql} ORDER BY {order}t.id {way}", *asked.values)


def _selected(columns: Sequence[Column]) -> list[str]:
    selected = [f"{column.sql or 't.' + column.name} AS {column.name}" for column in columns if column.name != "id"]
    return selected + [f"{column.link} AS {column.name}_link" for column in columns if column.link]
