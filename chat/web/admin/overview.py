"""How the site is doing, at a glance."""

from __future__ import annotations

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services import overview
from chat.web.auth import staff_required
from chat.web.resources import resources

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@staff_required
async def index(_: User) -> ResponseReturnValue:
    """Users, threads, replies, tokens, what runs in this worker, and what the model may call."""
    opened = resources()
    return await render_template(
        "admin/index.html",
        figures=await overview.figures(),
        recent=await overview.recent_users(),
        sockets=len(opened.sockets),
        running=opened.worker.running,
        tools=opened.tools.tools,
    )
