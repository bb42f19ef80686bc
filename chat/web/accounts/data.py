"""Downloading what is kept of one."""

from __future__ import annotations

from datetime import UTC, datetime

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.models import User
from chat.security.limits import EXPORT
from chat.services.accounts import export
from chat.web.auth import login_required
from chat.web.rate_limits import limited

blueprint = Blueprint("data", __name__)

DOWNLOAD_SECONDS = 3600  # for a slow line; the frame gives an answer one minute


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
    response = Response(export.archive(user.id), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="chats-{datetime.now(UTC):%Y-%m-%d}.zip"'
    response.timeout = DOWNLOAD_SECONDS
    return response
