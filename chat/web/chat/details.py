"""The details of an answer, as a page and as JSON."""

from __future__ import annotations

from uuid import UUID

import msgspec
from quart import Blueprint, Response, abort, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services.replies.details import details
from chat.web.auth import login_required, wants_json

blueprint = Blueprint("details", __name__)


@blueprint.get("/chat/<uuid:thread_id>/messages/<uuid:message_id>/details/")
@login_required
async def show(user: User, thread_id: UUID, message_id: UUID) -> ResponseReturnValue:
    """Model, times, tokens and cost of an answer of the user's own, and its ids for who reads the log."""
    found = await details(user, thread_id, message_id) or abort(404)
    if wants_json():
        return Response(msgspec.json.encode(found), content_type="application/json")
    return await render_template("chat/details.html", thread_id=thread_id, answer=found)
