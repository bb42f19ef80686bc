"""The administrators' corner: how the site is doing, at a glance. To everybody else it does not exist."""

from __future__ import annotations

from quart import Blueprint, abort, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services import overview
from chat.web.auth import login_required
from chat.web.resources import resources

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("/")
@login_required
async def index(user: User) -> ResponseReturnValue:
    """Users, threads, replies, tokens, and what runs in this worker."""
    if not user.is_staff:
        abort(404)
    opened = resources()
    return await render_template(
        "admin/index.html",
        figures=await overview.figures(),
        recent=await overview.recent_users(),
        sockets=len(opened.sockets),
        running=opened.worker.running,
    )
