"""The list of chats as pages and forms: pin, archive, undo a deletion, and all of these for several chats at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from uuid import UUID

import msgspec
from quart import Blueprint, abort, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue
from quart.wrappers import Response
from werkzeug.datastructures import MultiDict

from chat.models import User
from chat.security.limits import PAGE_POST
from chat.services.errors import Refused
from chat.services.replies import list_changes, thread_deletion, thread_list
from chat.web.auth import login_required, wants_json
from chat.web.chat import pages
from chat.web.chat.thread_forms import done, thread_form
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("chat_list", __name__, url_prefix="/chat")

MOST_AT_ONCE = 500
PAGE_SIZE = 100

Change = Callable[[User, list[UUID]], Awaitable[list[UUID]]]

WORDS = {
    "pin": "pinned",
    "unpin": "no longer pinned",
    "archive": "archived",
    "unarchive": "back in the list",
    "read": "marked as read",
    "delete": "deleted",
    "undelete": "back",
}


class Done(msgspec.Struct):
    """The JSON answer to a change of several chats: those that are as asked now."""

    done: list[UUID]


@blueprint.get("/list/")
@login_required
async def all_chats(user: User) -> ResponseReturnValue:
    """All chats of the list, to choose several."""
    return await _page(user, is_archive=False)


@blueprint.get("/archived/")
@login_required
async def archived_chats(user: User) -> ResponseReturnValue:
    """The archived chats, newest first."""
    return await _page(user, is_archive=True)


@blueprint.post("/bulk/")
@limited(PAGE_POST)
@login_required
async def bulk(user: User) -> ResponseReturnValue:
    """Change several chats (fields `thread_id`, `action`); those that are not the user's are left out of the answer."""
    form = await request.form
    try:
        name, thread_ids = form.get("action", ""), _chosen(form)
        changed = await _carried_out(user, name, thread_ids)
    except Refused as refused:
        return await _refusal(refused, user, is_archive=_is_archive(form))
    if wants_json():
        return _json(Done(changed))
    chats = "1 chat is" if len(changed) == 1 else f"{len(changed)} chats are"
    await flash(f"{chats} {WORDS[name]}.")
    return redirect(url_for("chat_list.archived_chats" if _is_archive(form) else "chat_list.all_chats"), 303)


@blueprint.get("/bulk/")
@login_required
async def bulk_again(user: User) -> ResponseReturnValue:
    """To the list: a refused form leaves this address in the browser, where it can be opened again."""
    return redirect(url_for("chat_list.all_chats"), 303)


@blueprint.post("/<uuid:thread_id>/pin/")
@limited(PAGE_POST)
@login_required
@thread_form
async def pin(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Pin a chat, or unpin it (field `pinned`: 1 or 0)."""
    return await _switched(user, thread_id, "pinned", on="pin", off="unpin")


@blueprint.post("/<uuid:thread_id>/archive/")
@limited(PAGE_POST)
@login_required
@thread_form
async def archive(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Archive a chat, or bring it back into the list (field `archived`: 1 or 0)."""
    return await _switched(user, thread_id, "archived", on="archive", off="unarchive")


@blueprint.post("/<uuid:thread_id>/undelete/")
@limited(PAGE_POST)
@login_required
async def undelete(user: User, thread_id: UUID) -> ResponseReturnValue:
    """Bring back a chat that was deleted a moment ago."""
    if not await _carried_out(user, "undelete", [thread_id]):
        abort(404)
    return done(thread_id)


async def _carried_out(user: User, action: str, thread_ids: list[UUID]) -> list[UUID]:
    """Finish the change even if the browser disconnects. Raises Refused."""
    deps = resources()
    pin_all = partial(list_changes.pin, broadcast=deps.broadcast)
    archive_all = partial(list_changes.archive, broadcast=deps.broadcast)
    changes: dict[str, Change] = {
        "pin": partial(pin_all, on=True),
        "unpin": partial(pin_all, on=False),
        "archive": partial(archive_all, on=True),
        "unarchive": partial(archive_all, on=False),
        "read": partial(list_changes.read, broadcast=deps.broadcast),
        "delete": partial(thread_deletion.delete, worker=deps.worker, broadcast=deps.broadcast),
        "undelete": partial(thread_deletion.undelete, broadcast=deps.broadcast),
    }
    if action not in changes:
        raise Refused("unknown_action", f"Choose what to do with the chats: {', '.join(changes)}.")
    found = set(await deps.worker.shielded(_awaited(changes[action], user, thread_ids), "list of chats"))
    return [thread_id for thread_id in thread_ids if thread_id in found]


async def _awaited(change: Change, user: User, thread_ids: list[UUID]) -> list[UUID]:
    return await change(user, thread_ids)


def _chosen(form: MultiDict[str, str]) -> list[UUID]:
    """The chosen chats, each once. Raises Refused."""
    try:
        chosen = list(dict.fromkeys(UUID(text) for text in form.getlist("thread_id")))
    except ValueError:
        raise Refused("bad_thread_id", "thread_id must be a UUID.") from None
    if not chosen:
        raise Refused("empty", "Choose at least one chat.")
    if len(chosen) > MOST_AT_ONCE:
        raise Refused("too_many", f"You have chosen {len(chosen)} chats. The maximum is {MOST_AT_ONCE} at once.")
    return chosen


async def _switched(user: User, thread_id: UUID, field: str, *, on: str, off: str) -> ResponseReturnValue:
    """Raises Refused."""
    actions = {"1": on, "0": off}
    if (value := (await request.form).get(field, "")) not in actions:
        raise Refused("bad_value", f"{field} must be 1 or 0.")
    await _carried_out(user, actions[value], [thread_id])
    return done(thread_id)


def _is_archive(form: MultiDict[str, str]) -> bool:
    return form.get("page") == "archived"


async def _refusal(refused: Refused, user: User, *, is_archive: bool) -> ResponseReturnValue:
    status = pages.STATUS_OF.get(refused.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    if wants_json():
        return {"code": refused.code, "message": str(refused), "retry_ms": refused.retry_ms}, status
    return await _page(user, is_archive=is_archive, problem=str(refused)), status


async def _page(user: User, *, is_archive: bool, problem: str = "") -> Response | str:
    before = request.args.get("before", "")
    chats = thread_list.archived_list if is_archive else thread_list.thread_list
    listed = await chats(user.id, before=before, size=PAGE_SIZE)
    if wants_json():
        return _json(listed)
    return await render_template(
        "chat/list.html",
        listed=listed,
        after=before,
        is_archive=is_archive,
        deleted=await thread_deletion.recent(user),
        problem=problem,
    )


def _json(body: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(body), content_type="application/json")
