"""The chat's pages: a new thread, a thread, and older messages as JSON. Live events come over the socket."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from uuid import UUID, uuid4, uuid5

import msgspec
from quart import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue
from quart.wrappers import Response
from werkzeug.datastructures import MultiDict

from chat.durations import wait_seconds
from chat.events import MESSAGE_MAX_LENGTH, MessageSend, MessageView
from chat.logs import about
from chat.models import ChatThread, Role, User
from chat.security.limits import PAGE_POST
from chat.services.errors import Refused
from chat.services.replies import jump, send, snapshot, thread_deletion, thread_list, threads, versions
from chat.services.replies.queue import Queued
from chat.services.replies.storing import Accepted
from chat.services.replies.versions import NO_MESSAGE
from chat.text import typed_lines
from chat.web.auth import login_required, wants_json
from chat.web.rate_limits import limited
from chat.web.release import release_of
from chat.web.resources import resources

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

NOT_SENT = "The site is busy. Your message was not sent. Send it again in a moment."  # nothing sends a form again
SHOWN = (Role.USER, Role.ASSISTANT)
STATUS_OF = {
    "busy": HTTPStatus.CONFLICT,
    "queue_full": HTTPStatus.CONFLICT,
    "too_late": HTTPStatus.CONFLICT,
    "too_many_pinned": HTTPStatus.CONFLICT,
    "too_many_versions": HTTPStatus.CONFLICT,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "not_found": HTTPStatus.NOT_FOUND,
    "draining": HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
    "not_approved": HTTPStatus.FORBIDDEN,
    "budget_exceeded": HTTPStatus.PAYMENT_REQUIRED,
    "unknown_model": HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Posted(msgspec.Struct):
    """The JSON answer to a message."""

    thread_id: UUID
    message_id: UUID | None
    reply_id: UUID | None
    queued: bool = False


class Renamed(msgspec.Struct):
    """The JSON answer to a new title: the title as stored."""

    thread_id: UUID
    title: str


class OlderMessages(msgspec.Struct):
    """A page of messages, oldest first."""

    thread_id: UUID
    thread_title: str
    messages: list[MessageView]
    has_older: bool
    older_cursor: str


@blueprint.route("/", methods=["GET", "POST"])
@limited(PAGE_POST)
@login_required
async def new_thread(user: User) -> ResponseReturnValue:
    """An empty chat; its first message creates the thread."""
    return await (_post(user, None) if request.method == "POST" else page(user, None))


@blueprint.route("/<uuid:thread_id>/", methods=["GET", "POST"])
@limited(PAGE_POST)
@login_required
async def thread(user: User, thread_id: UUID) -> ResponseReturnValue:
    """A thread; posting a message to it works without JavaScript. `?edit=` begins to edit a question, `?at=` shows one
    message and those around it.
    """
    found = await threads.own_thread(user, thread_id) or abort(404)
    if request.method == "POST":
        return await _post(user, found)
    question = await versions.question(thread_id, request.args.get("edit", ""))
    return await page(user, found, **({"edits": str(question.id), "draft": question.content} if question else {}))


@blueprint.post("/<uuid:thread_id>/title/")
@limited(PAGE_POST)
@login_required
async def rename_thread(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Rename a thread."""
    found = await threads.own_thread(user, thread_id) or abort(404)
    title = (await request.form).get("title", "")
    try:
        stored = await threads.rename(user, thread_id, title, broadcast=resources().broadcast)
    except Refused as refused:
        return await refusal(refused, user, found, title_error=str(refused), title_draft=title)
    if stored is None:
        abort(404)
    if wants_json():
        return _json(Renamed(found.id, stored))
    return redirect(url_for("chat.thread", thread_id=found.id), 303)


@blueprint.route("/<uuid:thread_id>/delete/", methods=["GET", "POST"])
@limited(PAGE_POST)
@login_required
async def delete_thread(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Confirm, then delete the thread, in every tab; for some seconds it can be brought back."""
    found = await threads.own_thread(user, thread_id) or abort(404)
    if request.method != "POST":
        return await render_template("chat/delete_thread.html", thread=found)
    worker, broadcast = resources().worker, resources().broadcast
    deleting = thread_deletion.delete(user, [thread_id], worker=worker, broadcast=broadcast)
    await worker.shielded(deleting, "deletion")
    if wants_json():
        return "", HTTPStatus.NO_CONTENT
    await flash("The chat is deleted.", "deleted")
    return redirect(url_for("chat.new_thread"), 303)


@blueprint.get("/api/threads/")
@login_required
async def list_threads(user: User) -> ResponseReturnValue:
    """A page of the list of chats, after a cursor, as JSON."""
    size = request.args.get("size", thread_list.PAGE_SIZE, int)
    return _json(await thread_list.thread_list(user.id, before=request.args.get("before", ""), size=max(size, 1)))


@blueprint.get("/api/threads/<uuid:thread_id>/messages/")
@login_required
async def older_messages(user: User, thread_id: UUID) -> ResponseReturnValue:
    """A page of messages before a cursor, as JSON."""
    found = await threads.own_thread(user, thread_id) or abort(404)
    older = await threads.message_page(thread_id, tools=resources().tools, before=request.args.get("before", ""))
    return _json(OlderMessages(found.id, found.title, older.messages, older.has_older, older.older_cursor))


async def _post(user: User, found: ChatThread | None) -> ResponseReturnValue:
    form = await request.form
    try:
        accepted = await send.send(resources(), user, found.id if found else None, _message(form))
    except Refused as refused:
        sentence = NOT_SENT if refused.code == "overloaded" else str(refused)
        shown = {"draft": typed_lines(form.get("message", "")), "model": form.get("model", "")}
        return await refusal(refused, user, found, form_error=sentence, edits=form.get("edits", ""), **shown)
    return posted(accepted)


def posted(accepted: Accepted | Queued) -> ResponseReturnValue:
    """The answer to a form that was accepted."""
    if not wants_json():
        return redirect(url_for("chat.thread", thread_id=accepted.thread_id), 303)
    if isinstance(accepted, Queued):
        return _json(Posted(accepted.thread_id, None, None, queued=True), HTTPStatus.ACCEPTED)
    return _json(Posted(accepted.thread_id, accepted.message_id, accepted.answer_id), HTTPStatus.CREATED)


def identifier(text: str, sentence: str) -> UUID:
    """An id from a form. Raises Refused."""
    try:
        return UUID(text)
    except ValueError:
        raise Refused("not_found", sentence) from None


def chosen_id(text: str, content: str) -> UUID | None:
    """The client id of a form, if it has one. A form that is changed before it is sent again asks for something else.

    Raises Refused.
    """
    try:
        chosen = UUID(text) if text else None
    except ValueError:
        raise Refused("bad_client_id", "client_id must be a UUID.") from None
    return chosen if wants_json() or not chosen else uuid5(chosen, content)


def _message(form: MultiDict[str, str]) -> MessageSend:
    content, edits = typed_lines(form.get("message", "")), form.get("edits", "")
    seen = None
    with suppress(ValueError):  # without the last message that the writer saw, this one goes after the last there is
        seen = UUID(form.get("head_id", ""))
    return MessageSend(
        client_id=chosen_id(form.get("client_id", ""), edits + content) or uuid4(),
        content=content,
        model=form.get("model", ""),
        edits=identifier(edits, NO_MESSAGE) if edits else None,
        head_id=seen,
        queue="queue" in form,
    )


async def refusal(refused: Refused, user: User, found: ChatThread | None, **shown: str) -> ResponseReturnValue:
    """The page with the reason, and the fields of the refused form; for programs JSON."""
    status = STATUS_OF.get(refused.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    headers = {"Retry-After": str(wait_seconds(refused.retry_ms))} if refused.retry_ms else {}
    if wants_json():
        said = {"code": refused.code, "message": str(refused), "retry_ms": refused.retry_ms}
        return said | {"request_id": about().request}, status, headers
    return await page(user, found, **shown), status, headers


async def page(user: User, found: ChatThread | None, taken: UUID | None = None, /, **refused: str) -> str:
    """The page, without the waiting message `taken`; `refused` holds the fields of a refused form, and the reason."""
    if user.waits:
        return await render_template("chat/waiting.html")
    deps = resources()
    place = await jump.place(found.id, request.args.get("at", "")) if found else None
    view = (
        await snapshot.view_thread(found.id, broadcast=deps.broadcast, tools=deps.tools, place=place) if found else None
    )
    return await render_template(
        "chat/thread.html",
        thread=found,
        title=view.title if view else "",
        listed=await thread_list.thread_list(user.id, before=request.args.get("chats", ""), current=found),
        messages=[message for message in view.page.messages if message.role in SHOWN] if view else [],
        has_older=view.page.has_older if view else False,
        older_cursor=view.page.older_cursor if view else "",
        cursor=str(view.position) if view else "",
        rev=view.rev if view else 0,
        queue=view.queue if view else None,
        taken=taken,
        running=view.running if view else None,
        place=place,
        view=view,
        forked_from=view.forked_from if view else None,
        release=release_of(current_app, deps),
        client_id=uuid4(),
        models=deps.llm.catalogue.offered,
        site_notice=deps.settings.site_notice,
        model_notice=deps.model_notice.frame().message,
        starters=deps.settings.starters,
        max_length=MESSAGE_MAX_LENGTH,
        **refused,
    )


def _json(body: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(body), status, content_type="application/json")
