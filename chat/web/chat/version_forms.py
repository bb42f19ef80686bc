"""The versions of messages without a socket: try again, continue, show, delete and branch are forms."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import msgspec
from quart import Blueprint, abort, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue
from quart.wrappers import Response
from werkzeug.datastructures import MultiDict

from chat.models import User
from chat.security.limits import BRANCH, PAGE_POST
from chat.services.replies import again, branches, path, versions
from chat.services.replies.again import Attempt
from chat.services.replies.versions import NO_MESSAGE
from chat.web.auth import login_required, wants_json
from chat.web.chat import pages
from chat.web.chat.thread_forms import done, thread_form
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("versions", __name__, url_prefix="/chat/<uuid:thread_id>")

NO_ANSWER = "This answer doesn't exist."


@blueprint.post("/again/")
@limited(PAGE_POST)
@login_required
@thread_form
async def try_again(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Regenerate an answer (field `message_id`); with `go_on`, continue one that was cut off."""
    form = await request.form
    accepted = await again.regenerate(resources(), user, thread_id, _attempt(form))
    return pages.posted(accepted)


@blueprint.post("/head/")
@limited(PAGE_POST)
@login_required
@thread_form
async def show(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Show a version (field `message_id`) in every tab, with what was written below it last."""
    form = await request.form
    message_id = pages.identifier(form.get("message_id", ""), NO_MESSAGE)
    await versions.show(user, thread_id, message_id, broadcast=resources().broadcast)
    return done(thread_id)


@blueprint.route("/messages/<uuid:message_id>/delete/", methods=["GET", "POST"])
@limited(PAGE_POST)
@login_required
@thread_form
async def delete_message(user: User, thread_id: UUID, message_id: UUID) -> ResponseReturnValue:
    """Confirm, then delete a message and all below it, in every tab."""
    if request.method == "POST":
        worker, broadcast = resources().worker, resources().broadcast
        deleting = versions.delete(user, thread_id, message_id, worker=worker, broadcast=broadcast)
        await worker.shielded(deleting, "deletion")
        return done(thread_id)
    count, role = await path.count_below(thread_id, message_id)
    if not count:
        abort(404)
    if wants_json():
        return {"count": count}
    ids = {"thread_id": thread_id, "message_id": message_id}
    return await render_template("chat/delete_message.html", **ids, count=count, role=role)


@blueprint.post("/messages/<uuid:message_id>/stop/")
@limited(PAGE_POST)
@login_required
@thread_form
async def stop(user: User, thread_id: UUID, message_id: UUID) -> ResponseReturnValue:
    """Stop an answer; one that has ended stays as it is."""
    await resources().worker.stop(user, thread_id, message_id)
    return done(thread_id)


@blueprint.post("/branch/")
@limited(PAGE_POST, BRANCH)
@login_required
@thread_form
async def branch(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Copy the chat up to a message (field `message_id`) into a new one."""
    form = await request.form
    message_id = pages.identifier(form.get("message_id", ""), NO_MESSAGE)
    chosen = pages.chosen_id(form.get("client_id", ""), str(message_id))
    copy = branches.branch(user, thread_id, message_id, client_id=chosen, broadcast=resources().broadcast)
    new_id = await resources().worker.shielded(copy, "branch")
    if wants_json():
        return Response(msgspec.json.encode({"thread_id": new_id}), HTTPStatus.CREATED, content_type="application/json")
    await flash("This is a copy. The other chat stays as it is.")
    return redirect(url_for("chat.thread", thread_id=new_id), 303)


def _attempt(form: MultiDict[str, str]) -> Attempt:
    answer_id, continues = pages.identifier(form.get("message_id", ""), NO_ANSWER), "go_on" in form
    client_id = pages.chosen_id(form.get("client_id", ""), f"{answer_id}{continues}")
    return Attempt(answer_id, continues, client_id, form.get("model", ""))
