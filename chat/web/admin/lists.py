"""Lists, detail pages and CSV downloads of the declared tables."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from quart import Blueprint, abort, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import DOWNLOAD
from chat.services.accounts.user_agents import browser_name
from chat.services.admin import commands, grid_sql
from chat.services.admin.audit import AuditContext
from chat.services.admin.grid import Column, InvalidQuery, Row, Table
from chat.text import cell
from chat.web import downloads
from chat.web.admin.audit_context import audit_context
from chat.web.admin.confirmation import to_confirmation
from chat.web.admin.tables import TABLES
from chat.web.auth import is_confirmed_recently, staff_required
from chat.web.rate_limits import limited
from chat.web.usage.charts import money_words

blueprint = Blueprint("lists", __name__)

WORDS = {"browser": browser_name, "money": money_words}  # for templates
CUT_OFF = "The download ends here: you are no longer an administrator, or were logged out."


@blueprint.get("/<name>/")
@staff_required
async def table(_: User, name: str) -> ResponseReturnValue:
    """A page of rows."""
    declaration, page, error = declared(name), grid_sql.Page([], "", 0), ""
    try:
        page = await grid_sql.page(declaration, request.args)
    except InvalidQuery as invalid:
        error = str(invalid)
    values = {"table": declaration, "page": page, "error": error, "most": grid_sql.MOST_COUNTED, "words": WORDS}
    return await render_template("admin/table.html", **values), 422 if error else 200


@blueprint.get("/<name>/<uuid:row_id>/")
@staff_required
async def row(_: User, name: str, row_id: UUID) -> ResponseReturnValue:
    """One row with its related rows, audit entries and actions."""
    declaration = declared(name)
    found = await grid_sql.find(declaration, row_id) or abort(404)
    values = {"table": declaration, "row": found, "most": grid_sql.IN_A_SECTION, "words": WORDS}
    return await render_template("admin/row.html", sections=await _sections(declaration, found), **values)


@blueprint.post("/<name>/csv/")  # with GET, a link on another site could start a download and its audit entry
@limited(DOWNLOAD)
@staff_required
async def download(user: User, name: str) -> ResponseReturnValue:
    """All rows of the list as CSV, made while they are sent. Asking for the password leads back to the list."""
    declaration, arguments, context = declared(name), (await request.form).to_dict(), await audit_context(user, None)
    try:
        grid_sql.check(declaration, arguments)
    except InvalidQuery as invalid:
        abort(422, str(invalid))
    details = grid_sql.recorded_query(declaration, arguments)
    if not await is_confirmed_recently():
        asked = urlencode({name: arguments[name] for name in details})
        return to_confirmation(f"{url_for('.table', name=name)}?{asked}")
    await commands.record_access(context, f"{declaration.name}.download", details=details)
    lines = _lines(declaration, arguments, context)
    return downloads.download(lines, f"{name}.csv", content_type="text/csv; charset=utf-8")


def declared(path: str) -> Table:
    """The table with this name in the address; 404 if there is none."""
    return TABLES.get(path.replace("-", "_")) or abort(404)


async def _sections(table: Table, row: Row) -> list[dict[str, Any]]:
    """The newest related rows, and one more if there are more."""
    sections = []
    for section in table.sections:
        value, other = row.get(section.of), TABLES[section.table]
        rows = await grid_sql.related(other, section.filter, value) if value else []
        sections.append({"table": other, "filter": section.filter, "value": value, "rows": rows})
    return sections


async def _lines(table: Table, arguments: dict[str, str], context: AuditContext) -> AsyncIterator[bytes]:
    """Checks before each batch that the user still is an administrator, since a download can take long."""
    yield _csv([["id", *(column.label for column in table.columns)]])
    async for rows in grid_sql.exported(table, arguments):
        if not await commands.is_still_administrator(context):
            yield _csv([[CUT_OFF]])
            return
        yield _csv([row["id"], *(_shown(column, row) for column in table.columns)] for row in rows)


def _shown(column: Column, row: Row) -> Any:
    """Use the parsed browser name: a raw user agent contains ';', which some spreadsheets treat as a separator."""
    value = row[column.name]
    return browser_name(value) if column.kind == "browser" else value


def _csv(lines: Iterable[list[Any]]) -> bytes:
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
        case int():
            return str(value)
    return cell(str(value))
