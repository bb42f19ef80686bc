"""The steps that account pages share: log in or out, confirm a password, show a form again."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from quart import redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue, ResponseTypes

from chat.durations import wait_seconds
from chat.models import User
from chat.security.limits import SIGNUP
from chat.security.tokens import new_token, token_hash
from chat.services.accounts import email_links, invitations, sign_up, two_factor
from chat.services.errors import Refused, TooManyGuesses
from chat.services.replies import threads
from chat.web.accounts import login_target, pending_login
from chat.web.auth import log_in, log_out, signed_in_user
from chat.web.forms import CodeForm, Form, add_error
from chat.web.kept import is_writer, kept_through_login
from chat.web.rate_limits import client_address, count
from chat.web.resources import resources

THREAD = re.compile(r"/chat/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")


async def signed_up(email: str, password: str, *, token: str = "") -> ResponseReturnValue:
    """Create the account, and log in or go to the page that says which mailbox to check. Raises Refused."""
    accounts = resources().accounts
    invitation = await invitations.find(token) if token else None
    email = sign_up.check(email, password, accounts=accounts, invitation=invitation)
    await count(SIGNUP, client_address())  # typos and rejected passwords do not count
    done = await sign_up.sign_up(email, password, accounts=accounts, token=token)
    if done.user and accounts.may_log_in(done.user):
        return await continue_login(done.user)
    await email_links.begin_wait(email, this_browser(), limits=accounts.limits)
    return to_mailbox("verify_email_sent", email, stamp=done.stamp)


async def continue_login(user: User, *, target: str = "", remember: bool = True) -> ResponseReturnValue:
    """Log in, or ask for a two-factor code first. Every kind of login comes through here."""
    target = target or login_target.remembered()
    if not await two_factor.factor_of(user):
        return await complete_login(user, target=target, remember=remember, with_code=False)
    await pending_login.begin(user, target=target, remember=remember)
    if unsent := kept_through_login(await request.form):
        return await render_template("accounts/login_code.html", form=CodeForm(), kept=unsent)
    return redirect(url_for("accounts.two_factor.login_code"), 303)


async def complete_login(user: User, *, target: str, remember: bool, with_code: bool) -> ResponseReturnValue:
    """Start the session of a user who has passed every check."""
    is_same = is_writer(user)
    unsent = kept_through_login(await request.form) if is_same else None
    target = target if is_same else await own_target(user, target)
    await log_in(user, remember=remember, with_code=with_code)
    login_target.forget()
    if unsent:
        return await render_template("pages/kept.html", kept=unsent)
    return redirect(target, 303)


async def own_target(user: User, target: str) -> str:
    """The target, or a new chat if it is another user's thread, such as one that this browser showed before."""
    found = THREAD.match(target)
    is_own = not found or await threads.own_thread(user, UUID(found[1]))
    return target if is_own else "/chat/"


async def complete_logout() -> ResponseReturnValue:
    """End the session, clear what the browser stored, and go to the front page."""
    await log_out()
    login_target.forget()
    response = redirect(url_for("pages.landing"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


async def is_confirmed(form: Form, user: User) -> bool:
    """Whether the form is valid and has the user's password: for some changes, an open browser is not enough."""
    if not form.validate():
        return False
    try:
        right = await resources().accounts.is_password_of(user, form.password.data)
    except TooManyGuesses as refused:
        add_wait(form, "password", refused)
        return False
    if not right:
        add_error(form, "password", "This is not your password. Enter the password you log in with.")
    return right


async def is_own(user: User) -> bool:
    """Whether this browser has shown the account's password before: it signed up, or is logged in to it."""
    here = await signed_in_user()
    return session.get("knows_password_of") == token_hash(user.password_hash) or (
        here is not None and here.id == user.id
    )


async def is_confirmed_by(form: Form, user: User) -> bool:
    """Whether someone with an emailed link also has the account: this browser is its own, or the form its password.

    The link alone proves only the mailbox. Its owner could be tricked into confirming an account that a stranger
    created, knows the password of, and could lock the owner out of.
    """
    if await is_own(user):
        return True
    if not form.validate():
        return False
    try:
        if await resources().accounts.authenticate(user.email, form.password.data, address=client_address()):
            return True
    except TooManyGuesses as refused:
        add_wait(form, "password", refused)
        return False
    add_error(form, "password", "This is not the account's password. Try again, or reset the password.")
    return False


def keep_private(response: ResponseTypes) -> ResponseTypes:
    """For pages with a secret in them or in their address: no cache keeps them, and no other site sees a referrer.

    Not `no-referrer`: with it, browsers send the page's own form with `Origin: null`, which `check_origin` refuses.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def to_mailbox(page: str, email: str, *, stamp: str) -> ResponseReturnValue:
    """Go to the page that says which mailbox to check.

    The browser remembers the password that it has set or shown, by a hash of its salted hash: the emailed link asks for
    the password in any other browser.
    """
    session["email"] = email
    session["knows_password_of"] = stamp
    return redirect(url_for(f"accounts.email.{page}"), 303)


def this_browser() -> str:
    """A random name in the form session: pages show what this browser asked for, never what others did."""
    browser: str = session.setdefault("browser", token_hash(new_token()))
    return browser


def add_wait(form: Form, field: str, refused: TooManyGuesses) -> None:
    """Add the error to the field that was guessed, and the wait to the form."""
    add_error(form, field, str(refused))
    form.wait_ms = refused.wait_ms


async def form_page(template: str, form: Form, **context: Any) -> ResponseReturnValue:
    """The page with its form: 422 after a POST, 429 if the form has a wait."""
    min_length = resources().settings.password_min_length
    unsent = kept_through_login(await request.form)
    page = await render_template(template, form=form, kept=unsent, password_min_length=min_length, **context)
    if form.wait_ms:
        return page, 429, {"Retry-After": str(wait_seconds(form.wait_ms))}
    return page, 422 if request.method == "POST" else 200


async def refused_page(
    template: str, form: Form, refused: Refused | TooManyGuesses, *, guessed: str = "password", **context: Any
) -> ResponseReturnValue:
    """The form again with the service's error; `guessed` is the field that TooManyGuesses belongs to."""
    if isinstance(refused, TooManyGuesses):
        add_wait(form, guessed, refused)
    elif refused.field:
        add_error(form, refused.field, str(refused))
    else:
        form.form_errors.append(str(refused))
    return await form_page(template, form, **context)
