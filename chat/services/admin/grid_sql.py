"""The rows of declared lists: one page, one row, or all rows for a download.

SQL is assembled from declarations, which are constants; all input is passed as parameters. Pages are found by key, not
by offset, so the last page of a million rows costs as much as the first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from chat.database import query
from chat.services.admin.grid import ChoiceFilter, Column, InvalidQuery, Row, Sort, Table, ValueFilter
from chat.text import storable

PAGE, EXPORTED_AT_ONCE, IN_A_SECTION = 50, 1000, 8
MOST_COUNTED = 10_000  # above this, a count is only "more"
VALUE_MAX_LENGTH, RECORDED_MAX_LENGTH = 300, 40

HINTS = {
    "link": "Follow the link again or clear the filters.",
    "text": "Enter it as the list shows it.",
    "date": "Use the format 2026-11-22.",
    "month": "Use the format 2026-11.",
}


@dataclass(slots=True)
class Selection:
    """The sort order, conditions and parameters of a list."""

    sort: Sort
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition with a `{}` for each value."""
        start = len(self.values) + 1
        self.values += values
        self.conditions.append(condition.format(*(f"${number}" for number in range(start, len(self.values) + 1))))

    @property
    def where(self) -> str:
        """The WHERE clause."""
        return " AND ".join(f"({condition})" for condition in self.conditions) or "true"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the cursor of the next page, and the number of all rows, at most MOST_COUNTED + 1."""

    rows: list[Row]
    cursor: str
    count: int


async def page(table: Table, arguments: Mapping[str, str]) -> Page:
    """One page of the rows that the query string selects. Raises InvalidQuery."""
    selection = _parsed(table, arguments)
    some = f"SELECT 1 FROM {table.source} WHERE {selection.where} LIMIT {MOST_COUNTED + 1}"  # noqa: S608 - of constants
    counting = f"SELECT count(*) FROM ({some}) counted"  # noqa: S608
    count = (await query(counting, *selection.values))[0]["count"]
    _add_cursor(selection, arguments.get("after", ""))
    rows = await _rows(table, selection, limit=PAGE + 1) if count else []
    cursor = _cursor(selection.sort, rows[PAGE - 1]) if len(rows) > PAGE else ""
    return Page(rows[:PAGE], cursor, count)


async def related(table: Table, filter_name: str, value: Any) -> list[Row]:
    """The first rows of a section, and one more row if there are more."""
    return await _rows(table, _parsed(table, {filter_name: str(value)}), limit=IN_A_SECTION + 1)


async def find(table: Table, row_id: UUID) -> Row | None:
    """One row with its details."""
    selection = _all(table, table.sorts[0])
    selection.add("t.id = {}", row_id)
    rows = await _rows(table, selection, limit=1, columns=[*table.columns, *table.details])
    return rows[0] if rows else None


async def texts(table: Table, row_id: UUID) -> list[Row]:
    """The private content of a row, as (label, text)."""
    return await query(table.text, row_id)


async def exported(table: Table, arguments: Mapping[str, str]) -> AsyncIterator[list[Row]]:
    """All rows that the query string selects, in batches; each batch is a separate statement and blocks nothing."""
    cursor: str | None = ""
    while cursor is not None:
        selection = _parsed(table, arguments)
        _add_cursor(selection, cursor)
        rows = await _rows(table, selection, limit=EXPORTED_AT_ONCE)
        yield rows
        cursor = _cursor(selection.sort, rows[-1]) if len(rows) == EXPORTED_AT_ONCE else None


def check(table: Table, arguments: Mapping[str, str]) -> None:
    """Raise InvalidQuery for what `exported` would refuse, before anything is sent."""
    _parsed(table, arguments)


def recorded_query(table: Table, arguments: Mapping[str, str]) -> dict[str, str]:
    """The arguments that this list uses, shortened for the audit log, which is kept permanently."""
    names = ("q", "sort", *(one.name for one in table.filters))
    return {name: text[:RECORDED_MAX_LENGTH] for name in names if (text := _argument(arguments, name))}


def _parsed(table: Table, arguments: Mapping[str, str]) -> Selection:
    sorts = {sort.name: sort for sort in table.sorts}
    name = arguments.get("sort") or table.sorts[0].name
    if name not in sorts:
        raise InvalidQuery(f"There is no sort order “{name[:40]}”. Choose one of {', '.join(sorts)}.")
    selection = _all(table, sorts[name])
    if sorts[name].condition:
        selection.add(sorts[name].condition)
    if text := _argument(arguments, "q"):
        _search(table, selection, text)
    for one in table.filters:
        if text := _argument(arguments, one.name):
            _filter(one, selection, text)
    return selection


def _all(table: Table, sort: Sort) -> Selection:
    return Selection(sort, [table.condition] if table.condition else [])


def _argument(arguments: Mapping[str, str], name: str) -> str:
    return storable(arguments.get(name, "").strip()[:VALUE_MAX_LENGTH])


def _search(table: Table, selection: Selection, text: str) -> None:
    try:
        selection.add("t.id = {}", UUID(text))
    except ValueError:
        if not table.search:
            raise InvalidQuery("This list can be searched by ID only. Enter a complete ID.") from None
        text = text.lower()
        selection.add(table.search, _prefix(text) if table.is_prefix_search else text)


def _prefix(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _filter(one: ChoiceFilter | ValueFilter, selection: Selection, text: str) -> None:
    match one:
        case ChoiceFilter():
            if text not in one.options:
                raise InvalidQuery(f"“{text[:40]}” is not an option of “{one.label}”. Choose one from the list.")
            selection.add(one.options[text])
        case ValueFilter():
            try:
                selection.add(one.sql, *one.parse(text))
            except (ValueError, OverflowError):
                raise InvalidQuery(f"“{text[:40]}” is not valid for “{one.label}”. {HINTS[one.kind]}") from None


def _add_cursor(selection: Selection, cursor: str) -> None:
    """Start after the row of a cursor. Raises InvalidQuery."""
    if not cursor:
        return
    row_id, _, value = cursor.partition("~")
    sort = selection.sort
    comparison = "<" if sort.descending else ">"
    try:
        if sort.sql == "t.id":
            selection.add(f"t.id {comparison} {{}}", UUID(row_id))
        else:
            selection.add(f"({sort.sql}, t.id) {comparison} ({{}}, {{}})", sort.parse(storable(value)), UUID(row_id))
    except (ValueError, ArithmeticError):
        raise InvalidQuery("This page of the list does not exist. Go back to the first page.") from None


def _cursor(sort: Sort, row: Row) -> str:
    if sort.sql == "t.id":
        return str(row["id"])
    value = row["sort_key"]
    return f"{row['id']}~{value:f}" if isinstance(value, Decimal) else f"{row['id']}~{value}"  # never 0E-12


async def _rows(table: Table, selection: Selection, *, limit: int, columns: Sequence[Column] = ()) -> list[Row]:
    """Select the rows first and their columns then, so that subqueries of columns run for one page only."""
    sort, stored = selection.sort, table.model._meta.db_table
    direction = "DESC" if sort.descending else "ASC"
    order = "" if sort.sql == "t.id" else f"sort_key {direction}, "
    some = f"""SELECT t.id, {sort.sql} AS sort_key FROM {table.source} WHERE {selection.where}
        ORDER BY {order}t.id {direction} LIMIT {limit}"""  # noqa: S608 - of constants
    shown = ", ".join(_selected(columns or table.columns))
    sql = f"SELECT t.id, sort_key, {shown} FROM {stored} t JOIN ({some}) page ON page.id = t.id {table.joins}"  # noqa: S608
    return await query(f"{sql} ORDER BY {order}t.id {direction}", *selection.values)


def _selected(columns: Sequence[Column]) -> list[str]:
    selected = [f"{column.sql or 't.' + column.name} AS {column.name}" for column in columns if column.name != "id"]
    return selected + [f"{column.link} AS {column.name}_link" for column in columns if column.link]
