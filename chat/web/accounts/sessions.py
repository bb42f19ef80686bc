"""Where one is logged in, and logging out from afar."""

from __future__ import annotations

from uuid import UUID

from quart import Blueprint, abort, flash, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import PREFERENCE
from chat.services.accounts import sessions as service
from chat.services.accounts.user_agents import browser_name
from chat.web.accounts.login_flow import leave
from chat.web.auth import current_session, login_required
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("sessions", __name__, url_prefix="/sessions")


@blueprint.get("/")
@login_required
async def sessions(user: User) -> ResponseReturnValue:
    """The active sessions, with this one marked."""
    found, count = await service.active_sessions(user)
    return await render_template(
        "accounts/sessions.html", sessions=found, count=count, this=await current_session(), browser_name=browser_name
    )


@blueprint.post("/<uuid:session_id>/end/")
@limited(PREFERENCE)
@login_required
async def end(user: User, session_id: UUID) -> ResponseReturnValue:
    """Log out there; for this very session it is the logout."""
    session, this = await service.own_session(user, session_id) or abort(404), await current_session()
    if this and session.id == this.id:
        return await leave()
    await service.end_session(session, broadcast=resources().broadcast)
    await flash(f"{browser_name(session.user_agent)} is logged out.")
    return redirect(url_for("accounts.sessions.sessions"), 303)


@blueprint.post("/end-others/")
@limited(PREFERENCE)
@login_required
async def end_others(user: User) -> ResponseReturnValue:
    """Log out everywhere else."""
    await service.end_sessions(user, but=await current_session(), broadcast=resources().broadcast)
    await flash("You are logged out everywhere else.")
    return redirect(url_for("accounts.sessions.sessions"), 303)
