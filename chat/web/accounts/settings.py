"""The settings of an account, its sessions and data, and its deletion."""

from __future__ import annotations

from uuid import UUID

from quart import Blueprint, abort, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import THEMES, User
from chat.security.limits import EXPORT, PREFERENCE
from chat.services.accounts import deletion, export, preferences, two_factor
from chat.services.accounts import sessions as session_service
from chat.services.accounts.user_agents import browser_name
from chat.services.errors import Refused
from chat.web import downloads
from chat.web.accounts.login_flow import complete_logout, form_page, is_confirmed, refused_page
from chat.web.auth import current_session, is_confirmed_recently, login_required
from chat.web.forms import ConfirmForm, SettingsForm
from chat.web.rate_limits import count, limited
from chat.web.resources import resources

blueprint = Blueprint("settings", __name__)


@blueprint.route("/settings/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def settings(user: User) -> ResponseReturnValue:
    """Display name, default model, theme and Enter key, with links to everything else about the account."""
    deps = resources()
    form = SettingsForm.of(user, await request.form, models=deps.llm.catalogue.offered)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/settings.html", form, has_two_factor=await two_factor.factor_of(user))
    await preferences.save(user, **form.data, models=deps.settings.models, broadcast=deps.broadcast)
    await flash("Settings saved.")
    return redirect(url_for(".settings"), 303)


@blueprint.post("/settings/theme/")
@limited(PREFERENCE)
@login_required
async def theme(user: User) -> ResponseReturnValue:
    """Choose light, dark, or the system's theme."""
    chosen = (await request.form).get("theme", "")
    if chosen not in THEMES:
        abort(422, f"Choose one of {', '.join(THEMES)}.")
    await preferences.choose_theme(user, chosen, broadcast=resources().broadcast)
    return {"theme": chosen}


@blueprint.get("/sessions/")
@login_required
async def sessions(user: User) -> ResponseReturnValue:
    """The active sessions, with this one marked."""
    found, count = await session_service.active_sessions(user)
    return await render_template(
        "accounts/sessions.html", sessions=found, count=count, this=await current_session(), browser_name=browser_name
    )


@blueprint.post("/sessions/<uuid:session_id>/end/")
@limited(PREFERENCE)
@login_required
async def end_session(user: User, session_id: UUID) -> ResponseReturnValue:
    """End one of the user's sessions; for this very one, log out."""
    session, this = await session_service.own_session(user, session_id) or abort(404), await current_session()
    if this and session.id == this.id:
        return await complete_logout()
    await session_service.end_session(session, broadcast=resources().broadcast)
    await flash(f"Logged out {browser_name(session.user_agent)}.")
    return redirect(url_for(".sessions"), 303)


@blueprint.post("/sessions/end-others/")
@limited(PREFERENCE)
@login_required
async def end_other_sessions(user: User) -> ResponseReturnValue:
    """End all sessions but this one."""
    await session_service.end_sessions(user, but=await current_session(), broadcast=resources().broadcast)
    await flash("All other sessions are logged out.")
    return redirect(url_for(".sessions"), 303)


@blueprint.get("/data/")
@login_required
async def data(user: User) -> ResponseReturnValue:
    """What the download contains, the button, and a password field if the password was not entered recently."""
    return await form_page("accounts/data.html", ConfirmForm(), asks=not await is_confirmed_recently())


@blueprint.post("/data/")
@limited(PREFERENCE)
@login_required
async def download(user: User) -> ResponseReturnValue:
    """The zip file, generated while it is sent. An open browser is not enough: the password is required."""
    form = ConfirmForm(await request.form)
    if not await is_confirmed_recently() and not await is_confirmed(form, user):
        return await form_page("accounts/data.html", form, asks=True)
    await count(EXPORT, str(user.id))
    return downloads.download(export.archive(user.id), "chats.zip", content_type="application/zip")


@blueprint.route("/delete/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def delete_account(user: User) -> ResponseReturnValue:
    """What is deleted and what stays, and the password as confirmation."""
    deps, form = resources(), ConfirmForm(await request.form)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/delete_account.html", form)
    worker, broadcast = deps.worker, deps.broadcast
    deleting = deletion.delete_account(user, worker=worker, broadcast=broadcast, mailer=deps.mailer)
    try:
        await worker.shielded(deleting, "deletion")
    except Refused as refused:
        return await refused_page("accounts/delete_account.html", form, refused)
    await flash("Your account and everything in it has been deleted.")
    return await complete_logout()
