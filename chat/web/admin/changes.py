"""Changes by administrators, each with a confirmation page and a reason, and views of private content."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from quart import Blueprint, abort, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import PREFERENCE
from chat.services.accounts.sessions import session_lives
from chat.services.admin import commands, grid_sql
from chat.services.admin.audit import AuditContext
from chat.services.admin.grid import Action, Table
from chat.services.errors import Refused
from chat.web.accounts.login_flow import form_page
from chat.web.admin.audit_context import audit_context
from chat.web.admin.confirmation import recently_confirmed
from chat.web.admin.lists import WORDS, declared
from chat.web.auth import current_session, staff_required
from chat.web.forms import ChangeForm, LookForm, add_error
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("changes", __name__)


@blueprint.route("/<name>/<uuid:row_id>/text/", methods=["GET", "POST"])
@limited(PREFERENCE)
@staff_required
@recently_confirmed
async def text(user: User, name: str, row_id: UUID) -> ResponseReturnValue:
    """Show private content for a recorded reason: in the response to the form, so it has no address of its own."""
    table, form = declared(name), LookForm(await request.form)
    row = await grid_sql.find(table, row_id) if table.text else None
    values: dict[str, Any] = {"table": table, "row": row or abort(404)}
    if request.method != "POST" or not form.validate():
        return await form_page("admin/reveal.html", form, **values)
    await commands.record_access(await audit_context(user, row_id, form.reason.data), f"{table.name}.look")
    return await render_template("admin/text.html", texts=await grid_sql.texts(table, row_id), **values)


@blueprint.route("/<name>/<uuid:row_id>/<action_name>/", methods=["GET", "POST"])
@limited(PREFERENCE)
@staff_required
@recently_confirmed
async def change(user: User, name: str, row_id: UUID, action_name: str) -> ResponseReturnValue:
    """Ask for confirmation, then make the change."""
    table, form = declared(name), ChangeForm(await request.form)
    row = await grid_sql.find(table, row_id) or abort(404)
    action = _action(table, action_name)
    if not action.applies(row):  # another administrator was faster, or the form was sent twice
        await flash("Nothing to change.")
        return redirect(url_for("admin.lists.row", name=table.path, row_id=row_id), 303)
    values: dict[str, Any] = {"table": table, "row": row, "action": action, "words": WORDS}
    if request.method != "POST" or not form.validate():
        return await form_page("admin/change.html", form, **values)
    try:
        await _make(action, await audit_context(user, row_id, form.reason.data, value=form.value.data))
    except Refused as refused:
        add_error(form, refused.field or "reason", str(refused))
        return await form_page("admin/change.html", form, **values)
    await flash(f"Done: {action.label}.")
    return redirect(await _next_page(table, row_id), 303)


def _action(table: Table, path: str) -> Action:
    return next((action for action in table.actions if action.path == path), None) or abort(404)


async def _make(action: Action, context: AuditContext) -> None:
    """Shielded: the change is completed even if the browser disconnects."""
    opened = resources()
    work = action.change(context, **{name: getattr(opened, name) for name in action.dependencies})
    await opened.worker.shielded(work, f"administration: {action.name}")


async def _next_page(table: Table, row_id: UUID) -> str:
    """The changed row; its list if the row is gone; or the login if the administrators ended their own session."""
    session = await current_session()
    if session is None or not await session_lives(session.id):
        return url_for("accounts.login.login", next=url_for("admin.overview.index"))
    if await grid_sql.find(table, row_id):
        return url_for("admin.lists.row", name=table.path, row_id=row_id)
    return url_for("admin.lists.table", name=table.path)
