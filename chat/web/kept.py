"""The text of a refused form: the page that reports the refusal has it too, ready to be sent again.

Without JavaScript the text would be lost with the page. Passwords and codes are never kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from quart import request, session
from werkzeug.exceptions import HTTPException

from chat.models import User
from chat.text import typed_lines

TEXTS = {
    "message": "Your message",
    "title": "Title",
    "email": "Email address",
    "display_name": "Your name",
    "value": "Value",
    "reason": "Reason",
}
OTHERS = ("client_id", "model", "theme", "enter_key")
PREFIX, WRITTEN_TO = "kept.", "kept.to"
CHAT = re.compile(r"/chat/([0-9a-f-]{36}/)?")
OWN_PATH = re.compile(r"/(?!/)[\w/-]*")
WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Kept:
    """The fields of a form, and the path that it was sent to."""

    path: str
    texts: Mapping[str, str]
    others: Mapping[str, str]
    can_be_sent: bool = True

    @property
    def shown(self) -> Iterator[tuple[str, str, str]]:
        """Name, label and text of each field."""
        return ((name, TEXTS[name], text) for name, text in self.texts.items())

    @property
    def page(self) -> str:
        """Where the user continues after a login: the chat, or the page of the form."""
        return self.path.removesuffix("title/")


async def kept(status: int = 0) -> Kept | None:
    """The text that this request has sent, if any; `status` is that of the error page."""
    if request.method != "POST" or status == HTTPStatus.REQUEST_TIMEOUT:  # or its form would be waited for again
        return None
    try:
        form = await request.form
    except HTTPException:  # too large
        return None
    is_message = bool(CHAT.fullmatch(request.path))
    match status:
        case HTTPStatus.NOT_FOUND:  # deleted in the meantime: the message can open another chat
            return _kept("/chat/", form, can_be_sent=is_message)
        case HTTPStatus.FORBIDDEN:  # perhaps from another site's form: the user sees a message, so it can be sent
            return _kept(request.path, form, can_be_sent=is_message)
    return _kept(request.path, form)


def kept_through_login(form: Mapping[str, str]) -> Kept | None:
    """The text that the login form carries along."""
    path = form.get(WRITTEN_TO, "")
    carried = {name.removeprefix(PREFIX): text for name, text in form.items() if name.startswith(PREFIX)}
    return _kept(path, carried) if OWN_PATH.fullmatch(path) else None


def remember_writer(user: User) -> None:
    """Another user who logs in here next must not get this one's text."""
    session[WRITER] = str(user.id)


def is_writer(user: User) -> bool:
    """Whether this user was the last one known to be logged in here, or none is known."""
    return bool(session.get(WRITER, str(user.id)) == str(user.id))


def _kept(path: str, form: Mapping[str, str], *, can_be_sent: bool = True) -> Kept | None:
    texts = {name: typed_lines(form[name]) for name in TEXTS if form.get(name, "").strip()}
    others = {name: form[name] for name in OTHERS if name in form}
    return Kept(path, texts, others, can_be_sent) if texts else None
