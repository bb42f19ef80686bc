"""Changing a password, resetting it by an emailed link, and checking one while it is typed."""

from __future__ import annotations

from typing import cast

from quart import Blueprint, flash, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from chat.models import EMAIL_MAX_LENGTH, AuthSession, User
from chat.security.limits import NEW_PASSWORD, PASSWORD_CHECK, RESET, RESET_ADDRESS, asked_by
from chat.services.accounts import passwords
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import password_problems
from chat.services.errors import Refused, TooManyGuesses
from chat.web.accounts.login_flow import form_page, keep_private, refused_page, this_browser
from chat.web.auth import current_session, login_required, renew
from chat.web.forms import NewPasswordForm, PasswordChangeForm, ResetForm
from chat.web.rate_limits import count, limited
from chat.web.resources import resources

blueprint = Blueprint("passwords", __name__)
blueprint.after_request(keep_private)

TOKEN_MAX_LENGTH = 100  # longer than any token, short enough for a cookie


@blueprint.route("/password_change/", methods=["GET", "POST"])
@limited(NEW_PASSWORD)
@login_required
async def password_change(user: User) -> ResponseReturnValue:
    """Change the password, with the current one as confirmation."""
    form = PasswordChangeForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/password_change.html", form)
    try:
        await _change(user, form)
    except (Refused, TooManyGuesses) as refused:
        return await refused_page("accounts/password_change.html", form, refused, guessed="old_password")
    await flash("Your password has been changed, and all other sessions are logged out.")
    return redirect(url_for("accounts.settings.settings"), 303)


@blueprint.route("/password_reset/", methods=["GET", "POST"])
@limited(RESET)
async def password_reset() -> ResponseReturnValue:
    """Request a link; the answer is the same with and without an account."""
    form = ResetForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/password_reset.html", form)
    try:
        email = normalized_email(form.email.data)
    except Refused as refused:
        return await refused_page("accounts/password_reset.html", form, refused)
    await count(RESET_ADDRESS, asked_by(this_browser(), email))
    await passwords.send_reset(email, accounts=resources().accounts)
    session["email"] = email
    return redirect(url_for(".password_reset_sent"), 303)


@blueprint.get("/password_reset/sent/")
async def password_reset_sent() -> ResponseReturnValue:
    """Ask the user to check the mailbox."""
    return await render_template("accounts/password_reset_sent.html", email=session.get("email", ""))


@blueprint.get("/reset/<token>/")
async def reset_link(token: str) -> ResponseReturnValue:
    """The emailed link: moves its token out of the address, where the browser history would keep it."""
    session["reset_token"] = token[:TOKEN_MAX_LENGTH]
    return redirect(url_for(".reset"), 303)


@blueprint.route("/reset/set/", methods=["GET", "POST"])
@limited(NEW_PASSWORD)
async def reset() -> ResponseReturnValue:
    """Set the new password. Only submitting it uses the link up, because mail scanners open links too."""
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
    await flash("Your password has been reset. Log in with the new one.")
    return redirect(url_for("accounts.login.login"), 303)


@blueprint.post("/password-check/")
@blueprint.post("/password_check/", alias=True)
@limited(PASSWORD_CHECK)
async def password_check() -> ResponseReturnValue:
    """The errors that submitting the form would show. The password is neither stored nor logged."""
    form = await request.form
    password = form.get("password1") or form.get("new_password1") or ""
    email = form.get("email", "")[:EMAIL_MAX_LENGTH]
    return {"errors": password_problems(password, email=email, settings=resources().settings)}


async def _dead_link() -> ResponseReturnValue:
    return await render_template("accounts/reset_error.html"), 422 if request.method == "POST" else 404


async def _change(user: User, form: PasswordChangeForm) -> None:
    """Change the password; this session stays, with a new token, so that a copied one stops working."""
    here, deps = cast(AuthSession, await current_session()), resources()
    await passwords.change_password(
        user,
        form.old_password.data,
        form.new_password1.data,
        session=here,
        accounts=deps.accounts,
        broadcast=deps.broadcast,
    )
    await renew(here)


async def _reset(form: NewPasswordForm) -> User | None:
    deps = resources()
    user = await passwords.reset_password(
        session.get("reset_token", ""), form.new_password1.data, accounts=deps.accounts, broadcast=deps.broadcast
    )
    session.pop("reset_token", None)
    return user
