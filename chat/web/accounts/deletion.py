"""Deleting one's account."""

from __future__ import annotations

from quart import Blueprint, flash, request
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import PREFERENCE
from chat.services.accounts import deletion
from chat.services.errors import Refused
from chat.web.accounts.login_flow import form_page, is_confirmed, leave, refused_page
from chat.web.auth import login_required
from chat.web.forms import ConfirmForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("deletion", __name__)


@blueprint.route("/delete/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def delete_account(user: User) -> ResponseReturnValue:
    """What goes and what stays, and the password."""
    opened, form = resources(), ConfirmForm(await request.form)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/delete_account.html", form)
    worker, broadcast = opened.worker, opened.broadcast
    deleting = deletion.delete_account(user, worker=worker, broadcast=broadcast, mailer=opened.mailer)
    try:
        await worker.shielded(deleting, "deletion")
    except Refused as refused:
        return await refused_page("accounts/delete_account.html", form, refused)
    await flash("Your account is deleted, with everything in it.")
    return await leave()
