"""Downloading what is kept of one."""

from __future__ import annotations

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import EXPORT
from chat.services.accounts import export
from chat.web import downloads
from chat.web.auth import login_required
from chat.web.rate_limits import limited

blueprint = Blueprint("data", __name__)


@blueprint.get("/data/")
@login_required
async def data(user: User) -> ResponseReturnValue:
    """What there is, and a button."""
    return await render_template("accounts/data.html")


@blueprint.post("/data/")
@limited(EXPORT)
@login_required
async def download(user: User) -> ResponseReturnValue:
    """The zip, made while it is sent."""
    return downloads.download(export.archive(user.id), "chats.zip", content_type="application/zip")
