"""Passwords: changed, set anew by a mailed link, and looked at before they are sent."""

from __future__ import annotations

from typing import cast

from quart import Blueprint, flash, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from chat.models import EMAIL_MAX_LENGTH, AuthSession, User
from chat.security.limits import NEW_PASSWORD, PASSWORD_CHECK, RESET, RESET_ADDRESS
from chat.services.accounts import passwords
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import password_problems
from chat.services.errors import Refused, TooManyGuesses
from chat.web.accounts.login_flow import form_page, keep_to_oneself, refused_page
from chat.web.auth import current_session, login_required, renew
from chat.web.forms import NewPasswordForm, PasswordChangeForm, ResetForm
from chat.web.rate_limits import count, limited
from chat.web.resources import resources

blueprint = Blueprint("passwords", __name__)
blueprint.after_request(keep_to_oneself)

TOKEN_MAX_LENGTH = 100  # more than any has, and little enough for a cookie


@blueprint.route("/password_change/", methods=["GET", "POST"])
@limited(NEW_PASSWORD)
@login_required
async def password_change(user: User) -> ResponseReturnValue:
    """A new password for the old one."""
    form = PasswordChangeForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/password_change.html", form)
    try:
        await _change(user, form)
    except (Refused, TooManyGuesses) as refused:
        return await refused_page("accounts/password_change.html", form, refused, guessed="old_password")
    await flash("Your password is changed, and you are logged out everywhere else.")
    return redirect(url_for("accounts.settings.settings"), 303)


@blueprint.route("/password_reset/", methods=["GET", "POST"])
@limited(RESET)
async def password_reset() -> ResponseReturnValue:
    """Ask for a link; the answer is the same whether there is an account or not."""
    form = ResetForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/password_reset.html", form)
    try:
        email = normalized_email(form.email.data)
    except Refused as refused:
        return await refused_page("accounts/password_reset.html", form, refused)
    await count(RESET_ADDRESS, email)
    await passwords.send_reset(email, accounts=resources().accounts)
    session["email"] = email
    return redirect(url_for(".password_reset_sent"), 303)


@blueprint.get("/password_reset/sent/")
async def password_reset_sent() -> ResponseReturnValue:
    """Look into your mailbox."""
    return await render_template("accounts/password_reset_sent.html", email=session.get("email", ""))


@blueprint.get("/reset/<token>/")
async def reset_link(token: str) -> ResponseReturnValue:
    """The mailed link: its token leaves the address, where the history and onlookers would keep it."""
    session["reset_token"] = token[:TOKEN_MAX_LENGTH]
    return redirect(url_for(".reset"), 303)


@blueprint.route("/reset/set/", methods=["GET", "POST"])
@limited(NEW_PASSWORD)
async def reset() -> ResponseReturnValue:
    """The new password. Only sending it uses the link up: mail scanners open links too."""
    found = await passwords.find_reset(session.get("reset_token", ""))
    form = NewPasswordForm(await request.form)
    if found is None:
        return await _dead_link()
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/reset.html", form, email=found.email)
    try:
        user = await _reset(form)
    except Refused as refused:
        return await refused_page("accounts/reset.html", form, refused, email=found.email)
    if user is None:
        return await _dead_link()
    await flash("Your password is set. Log in with it now.")
    return redirect(url_for("accounts.entrance.login"), 303)


@blueprint.post("/password_check/")
@limited(PASSWORD_CHECK)
async def password_check() -> ResponseReturnValue:
    """The sentences that the form would come back with. The password is looked at, and neither kept nor logged."""
    form = await request.form
    password = form.get("password1") or form.get("new_password1") or ""
    email = form.get("email", "")[:EMAIL_MAX_LENGTH]
    return {"errors": password_problems(password, email=email, settings=resources().settings)}


async def _dead_link() -> ResponseReturnValue:
    return await render_template("accounts/reset_error.html"), 422 if request.method == "POST" else 404


async def _change(user: User, form: PasswordChangeForm) -> None:
    """This browser's tabs stay, with another token: one that was copied is worth nothing any more."""
    here, opened = cast(AuthSession, await current_session()), resources()
    await passwords.change_password(
        user,
        form.old_password.data,
        form.new_password1.data,
        session=here,
        accounts=opened.accounts,
        broadcast=opened.broadcast,
    )
    await renew(here)


async def _reset(form: NewPasswordForm) -> User | None:
    opened = resources()
    user = await passwords.reset_password(
        session.get("reset_token", ""), form.new_password1.data, accounts=opened.accounts, broadcast=opened.broadcast
    )
    session.pop("reset_token", None)
    return user
