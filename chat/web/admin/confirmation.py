"""Asks for the password again before a change, in case a browser was left open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast

from quart import Blueprint, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import AuthSession, User
from chat.security.limits import PREFERENCE
from chat.web.accounts.login_flow import form_page, is_confirmed
from chat.web.auth import current_session, is_confirmed_recently, renew, safe_target, staff_required
from chat.web.forms import ConfirmForm
from chat.web.kept import kept, kept_through_login
from chat.web.rate_limits import limited

blueprint = Blueprint("confirmation", __name__)


def recently_confirmed(view: Callable[..., Awaitable[ResponseReturnValue]]) -> Any:
    """Below `staff_required`: ask for the password first, unless it was entered recently."""

    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if await is_confirmed_recently():
            return await view(*args, **kwargs)
        if unsent := await kept():
            values = {"form": ConfirmForm(), "target": request.path, "kept": unsent}
            return await render_template("admin/confirm.html", **values)
        return to_confirmation(request.path)

    return guarded


def to_confirmation(target: str) -> ResponseReturnValue:
    """Ask for the password, then go to the target."""
    return redirect(url_for("admin.confirmation.confirm", next=target), 303)


@blueprint.route("/confirm/", methods=["GET", "POST"])
@limited(PREFERENCE)
@staff_required
async def confirm(user: User) -> ResponseReturnValue:
    """Ask for the password, then return to the page that needs it."""
    target, form = safe_target(request.args.get("next")), ConfirmForm(await request.form)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("admin/confirm.html", form, target=target)
    await renew(cast(AuthSession, await current_session()))
    if unsent := kept_through_login(await request.form):
        return await render_template("pages/kept.html", kept=unsent)
    return redirect(target if target.startswith("/admin/") else url_for("admin.overview.index"), 303)
