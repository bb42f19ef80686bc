"""What several of these pages do at the end: let a user in or out, or show a form again."""

from __future__ import annotations

from typing import Any

from quart import redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.durations import wait_seconds
from chat.models import User
from chat.models.ids import uuid7
from chat.services.accounts import two_factor
from chat.services.errors import Refused, TooManyGuesses
from chat.web.accounts.pending_login import begin_login
from chat.web.auth import log_in, log_out, signed_in_user
from chat.web.forms import Form, add_error
from chat.web.rate_limits import client_address
from chat.web.resources import resources


async def enter(user: User, *, target: str = "/chat/", remember: bool = True) -> ResponseReturnValue:
    """Into the chat, or first to the page that asks for a code: every way in passes here."""
    if await two_factor.factor_of(user):
        begin_login(user, target=target, remember=remember)
        return redirect(url_for("accounts.second_factor.login_code"), 303)
    return await admit(user, target=target, remember=remember, with_code=False)


async def admit(user: User, *, target: str, remember: bool, with_code: bool) -> ResponseReturnValue:
    """Into the chat, for whoever has proven all that there is to prove."""
    await log_in(user, remember=remember, with_code=with_code)
    return redirect(target, 303)


async def leave() -> ResponseReturnValue:
    """Out of the session, and to the front page; nothing of it stays in the browser."""
    await log_out()
    response = redirect(url_for("pages.landing"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


async def is_confirmed(form: Form, user: User) -> bool:
    """Whether the form is right and its password the user's own: an open browser is not enough for some things."""
    if not form.validate():
        return False
    try:
        right = await resources().accounts.is_password_of(user, form.password.data)
    except TooManyGuesses as refused:
        too_early(form, "password", refused)
        return False
    if not right:
        add_error(form, "password", "This is not your password. Enter the one that you log in with.")
    return right


async def is_own(user: User) -> bool:
    """Whether this browser has shown the password of the account before: it signed up, or is logged in there."""
    here = await signed_in_user()
    return session.get("knows_password_of") == str(user.id) or (here is not None and here.id == user.id)


async def is_confirmed_by(form: Form, user: User) -> bool:
    """Whether whoever presses the button of a mailed link has the account too, or else the form its password.

    A link proves the mailbox. Its owner alone could be brought to confirm the account of a stranger, who has the
    password and would lock the owner out.
    """
    if await is_own(user):
        return True
    if not form.validate():
        return False
    try:
        if await resources().accounts.authenticate(user.email, form.password.data, address=client_address()):
            return True
    except TooManyGuesses as refused:
        too_early(form, "password", refused)
        return False
    add_error(form, "password", "This is not the password of the account. Try again, or set a new one.")
    return False


def keep_to_oneself(response: Response) -> Response:
    """After each request of a blueprint: no cache keeps these pages, and no other site is told where one came from.

    The address of a mailed link is a secret. Not `no-referrer`: with that browsers send the form on the page as
    coming from nowhere (`Origin: null`), which the guard against foreign forms refuses.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def to_mailbox(page: str, email: str, *, user: User | None) -> ResponseReturnValue:
    """To the page that says which mailbox to look into.

    The browser keeps whose password it has set or shown, or an id of nobody: elsewhere the mailed link asks for it.
    """
    session["email"] = email
    session["knows_password_of"] = str(user.id if user else uuid7())
    return redirect(url_for(f"accounts.verification.{page}"), 303)


def too_early(form: Form, guessed: str, refused: TooManyGuesses) -> None:
    """`guessed` is the field that was wrong too often."""
    add_error(form, guessed, str(refused))
    form.wait_ms = refused.wait_ms


async def form_page(template: str, form: Form, **context: Any) -> ResponseReturnValue:
    """A page with its form; 422 where the form was refused, 429 where it came too early."""
    least = resources().settings.password_min_length
    page = await render_template(template, form=form, password_min_length=least, **context)
    if form.wait_ms:
        return page, 429, {"Retry-After": str(wait_seconds(form.wait_ms))}
    return page, 422 if request.method == "POST" else 200


async def refused_page(
    template: str, form: Form, refused: Refused | TooManyGuesses, *, guessed: str = "password", **context: Any
) -> ResponseReturnValue:
    """The form again with what the service had against it; `guessed` is the field of the password that was asked."""
    if isinstance(refused, TooManyGuesses):
        too_early(form, guessed, refused)
    else:
        add_error(form, refused.field, str(refused))
    return await form_page(template, form, **context)
