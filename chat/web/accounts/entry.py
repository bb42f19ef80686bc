"""What several of these pages do at the end: let a user in or out, or show a form again."""

from __future__ import annotations

from typing import Any

from quart import redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.models.ids import uuid7
from chat.services import second_factors
from chat.services.accounts import Refused, TooManyGuesses
from chat.web.accounts.unfinished import begin_login
from chat.web.auth import log_in, log_out
from chat.web.forms import Form, add_error
from chat.web.resources import resources


async def enter(user: User, *, target: str = "/chat/", remember: bool = True) -> ResponseReturnValue:
    """Into the chat, or first to the page that asks for a code: every way in passes here."""
    if await second_factors.factor_of(user):
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


def to_mailbox(page: str, email: str, *, user: User | None) -> ResponseReturnValue:
    """To the page that says which mailbox to look into.

    The browser keeps whose password it has set or shown, or an id of nobody: only then the mailed link logs in as well.
    Else a stranger could sign up with an address, wait for its owner to press the link, and read along.
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
        return page, 429, {"Retry-After": str(-(-form.wait_ms // 1000))}
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
