"""The accounts waiting for approval: one click decides about one account or all selected ones."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from quart import Blueprint, abort, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import PREFERENCE
from chat.services.accounts.approval import waiting_count
from chat.services.admin import approval
from chat.web.admin.audit_context import audit_context
from chat.web.admin.confirmation import recently_confirmed
from chat.web.auth import staff_required
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("approval", __name__)


@blueprint.get("/approval/")
@staff_required
async def waiting(_: User) -> ResponseReturnValue:
    """The accounts that have waited longest."""
    settings = resources().settings
    people, count = await approval.waiting(settings), await waiting_count(settings)
    return await render_template("admin/approval.html", people=people, count=count)


@blueprint.post("/approval/")
@limited(PREFERENCE)
@staff_required
@recently_confirmed
async def decide(user: User) -> ResponseReturnValue:
    """The button names the decision, and one user if it belongs to one; otherwise the selected users are meant."""
    form = await request.form
    decision, _, one = form.get("decision", "").partition(":")
    chosen = _ids([one] if one else form.getlist("user"))
    if decision not in ("approve", "decline"):
        abort(422, "Choose Approve or Decline.")
    if not chosen:
        await flash("Select at least one account.")
    elif decision == "approve":
        await flash(f"Approved: {await _approve(user, chosen)} of {len(chosen)} selected.")
    else:
        await flash(f"Declined: {await _decline(user, chosen)} of {len(chosen)} selected.")
    return redirect(url_for(".waiting"), 303)


async def _approve(user: User, chosen: list[UUID]) -> int:
    opened, context = resources(), await audit_context(user, None)
    work = approval.approve_all(context, chosen, mailer=opened.mailer, settings=opened.settings)
    return await opened.worker.shielded(work, "administration: approve")


async def _decline(user: User, chosen: list[UUID]) -> int:
    opened, context = resources(), await audit_context(user, None)
    work = approval.decline_all(context, chosen, mailer=opened.mailer, broadcast=opened.broadcast)
    return await opened.worker.shielded(work, "administration: decline")


def _ids(texts: Iterable[str]) -> list[UUID]:
    try:
        return sorted({UUID(text) for text in texts})
    except ValueError:
        abort(422, "One of the accounts is not valid. Go back and reload the list.")
