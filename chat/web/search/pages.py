"""Search in a user's own chats: a page that works without JavaScript, and JSON for the dialog."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

import msgspec
from quart import Blueprint, render_template, request
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.models import User
from chat.search import find, query
from chat.search.find import Found
from chat.search.query import Unusable
from chat.security.limits import SEARCH
from chat.web.auth import login_required, wants_json
from chat.web.rate_limits import count

blueprint = Blueprint("search", __name__, url_prefix="/search")


@blueprint.get("/")
@login_required
async def search(user: User) -> ResponseReturnValue:
    """`?q=` finds chats, `&chat=` all hits of one chat, `&before=` is the cursor of older ones."""
    await count(SEARCH, str(user.id))
    text = request.args.get("q", "").strip()
    try:
        found = await _found(user, text)
    except Unusable as unusable:
        return await _refusal(text, unusable)
    if wants_json():
        return Response(msgspec.json.encode(found), content_type="application/json")
    is_behind = bool(text) and await find.is_behind(user.id)
    return await render_template("search/search.html", found=found, text=text, is_behind=is_behind)


async def _found(user: User, text: str) -> Found:
    """Raises Unusable."""
    if not text:
        return await find.recent(user.id)
    asked, before = query.parse(text), request.args.get("before", "")
    with suppress(ValueError):
        return await find.find_in(user.id, UUID(request.args.get("chat", "")), asked, text, before=before)
    return await find.find(user.id, asked, text, before=before)


async def _refusal(text: str, unusable: Unusable) -> ResponseReturnValue:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if wants_json():
        return {"code": "unusable", "message": str(unusable), "retry_ms": 0}, status
    found = Found(text, [])
    return await render_template("search/search.html", found=found, text=text, error=str(unusable)), status
