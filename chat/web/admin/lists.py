"""The lists of what is stored, one row with what belongs to it, and lists as files: all from declared tables."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from quart import Blueprint, abort, render_template, request
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.models import User
from chat.security.limits import DOWNLOAD
from chat.services.accounts.user_agents import browser_name
from chat.services.admin import commands, grid_sql
from chat.services.admin.audit import Order
from chat.services.admin.grid import Column, Row, Table, Unreadable
from chat.text import cell
from chat.web.admin.audit_context import order_of
from chat.web.admin.tables import TABLES
from chat.web.auth import staff_required
from chat.web.rate_limits import limited
from chat.web.usage.charts import money_words

blueprint = Blueprint("lists", __name__)

DOWNLOAD_SECONDS = 3600
WORDS = {"browser": browser_name, "money": money_words}  # for templates
CUT_OFF = "This file is cut off here. You are no administrator any more, or were logged out."


@blueprint.get("/<name>/")
@staff_required
async def table(_: User, name: str) -> ResponseReturnValue:
    """A page of rows."""
    declaration, page, error = declared(name), grid_sql.Page([], "", 0), ""
    try:
        page = await grid_sql.page(declaration, request.args)
    except Unreadable as unreadable:
        error = str(unreadable)
    said = {"table": declaration, "page": page, "error": error, "most": grid_sql.MOST_COUNTED, "words": WORDS}
    return await render_template("admin/table.html", **said), 422 if error else 200


@blueprint.get("/<name>/<uuid:row_id>/")
@staff_required
async def row(_: User, name: str, row_id: UUID) -> ResponseReturnValue:
    """One row, what belongs to it, what was done to it, and what can be."""
    declaration = declared(name)
    found = await grid_sql.find(declaration, row_id) or abort(404)
    said = {"table": declaration, "row": found, "most": grid_sql.IN_A_SECTION, "words": WORDS}
    return await render_template("admin/row.html", sections=await _sections(declaration, found), **said)


@blueprint.post("/<name>/csv/")  # a link would let another site make the entry, and the file
@limited(DOWNLOAD)
@staff_required
async def download(user: User, name: str) -> ResponseReturnValue:
    """The rows of the list, all of them, made while they are sent."""
    declaration, wanted, order = declared(name), (await request.form).to_dict(), await order_of(user, None)
    try:
        grid_sql.check(declaration, wanted)
    except Unreadable as unreadable:
        abort(422, str(unreadable))
    await commands.look(order, f"{name}.download", at=grid_sql.meant(declaration, wanted))
    response = Response(_lines(declaration, wanted, order), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{datetime.now(UTC):%Y-%m-%d}.csv"'
    response.timeout = DOWNLOAD_SECONDS
    return response


def declared(name: str) -> Table:
    """The table of an address."""
    return TABLES.get(name) or abort(404)


async def _sections(table: Table, row: Row) -> list[dict[str, Any]]:
    """Rows of other tables that belong to this one: the newest, and one more if there are more."""
    found = []
    for section in table.sections:
        value, other = row.get(section.of), TABLES[section.table]
        belonging = await grid_sql.belonging(other, section.filter, value) if value else []
        found.append({"table": other, "filter": section.filter, "value": value, "rows": belonging})
    return found


async def _lines(table: Table, wanted: dict[str, str], order: Order) -> AsyncIterator[bytes]:
    """Until the last one, or until whoever takes it may not any more: a long file is no way around that."""
    yield _written([["id", *(column.label for column in table.columns)]])
    async for some in grid_sql.exported(table, wanted):
        if not await commands.may_still(order):
            yield _written([[CUT_OFF]])
            return
        yield _written([row["id"], *(_shown(column, row) for column in table.columns)] for row in some)


def _shown(column: Column, row: Row) -> Any:
    """Of a browser its name: where a cell ends at a `;`, the next one could begin within what it says of itself."""
    value = row[column.name]
    return browser_name(value) if column.kind == "browser" else value


def _written(lines: Iterable[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in line] for line in lines)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return cell(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat()
    return str(value)
