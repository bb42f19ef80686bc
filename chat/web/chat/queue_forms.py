"""The queue of a thread without a socket: each button on a waiting message is a form."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import msgspec
from quart import Blueprint, abort, request
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.models import User
from chat.security.limits import PAGE_POST
from chat.services.errors import Refused
from chat.services.replies import queue, queue_runs, taken, threads
from chat.web.auth import login_required, wants_json
from chat.web.chat import pages
from chat.web.chat.thread_forms import done, thread_form
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("queue", __name__, url_prefix="/chat/<uuid:thread_id>/queue")


@blueprint.post("/take/")
@limited(PAGE_POST)
@login_required
async def take(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Take a waiting message (field `client_id`) into the composer."""
    found = await threads.own_thread(user, thread_id) or abort(404)
    try:
        client_id = await _client_id()
        waiting = await queue.find(thread_id, client_id)
        # The message goes last: a page that can't be rendered would lose its text.
        fields = {"draft": waiting.content, "model": waiting.model}
        page = "" if wants_json() else await pages.page(user, found, client_id, **fields)
        message = await queue.take(resources(), user, thread_id, client_id)
    except Refused as refused:
        return await pages.refusal(refused, user, found, form_error=str(refused), **await _taken_before(thread_id))
    return page or Response(msgspec.json.encode(message), content_type="application/json")


@blueprint.post("/remove/")
@limited(PAGE_POST)
@login_required
@thread_form
async def remove(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Remove a waiting message (field `client_id`)."""
    await queue.take(resources(), user, thread_id, await _client_id())
    return done(thread_id)


@blueprint.post("/send-now/")
@limited(PAGE_POST)
@login_required
@thread_form
async def send_now(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Stop the running answer and send a waiting message (field `client_id`) next."""
    await queue_runs.send_now(resources(), user, thread_id, await _client_id())
    return done(thread_id)


@blueprint.post("/resume/")
@limited(PAGE_POST)
@login_required
@thread_form
async def resume(user: User, thread_id: UUID) -> ResponseReturnValue:
    """End the pause of the queue."""
    await queue_runs.resume(resources(), user, thread_id)
    return done(thread_id)


async def _taken_before(thread_id: UUID) -> dict[str, str]:
    """The message in the composer, if the page that had it did not arrive."""
    with suppress(Refused):
        if message := await taken.recall(resources().redis, thread_id, await _client_id()):
            return {"draft": message.content, "model": message.model}
    return {}


async def _client_id() -> UUID:
    try:
        return UUID((await request.form).get("client_id", ""))
    except ValueError:
        raise Refused("bad_client_id", "client_id must be a UUID.") from None
