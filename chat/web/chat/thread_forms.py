"""What the forms of a thread share: whose thread it is, a refusal, and the way back to the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from quart import abort, redirect, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services.errors import Refused
from chat.services.replies import threads
from chat.web.auth import wants_json
from chat.web.chat import pages

View = Callable[..., Awaitable[ResponseReturnValue]]


def thread_form(view: View) -> View:
    """404 unless the thread is the user's own. If the view raises Refused, the page shows why; programs get JSON."""

    @wraps(view)
    async def checked(user: User, thread_id: UUID, **more: Any) -> ResponseReturnValue:
        found = await threads.own_thread(user, thread_id) or abort(404)
        try:
            return await view(user, thread_id, **more)
        except Refused as refused:
            return await pages.refusal(refused, user, found, form_error=str(refused))

    return checked


def done(thread_id: UUID) -> ResponseReturnValue:
    """The answer to a form that was carried out."""
    if wants_json():
        return "", HTTPStatus.NO_CONTENT
    return redirect(url_for("chat.thread", thread_id=thread_id), 303)
