"""Accounts: sign-up, the address's verification, login and logout, settings."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, abort, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue
from wtforms import Form

from chat.models import THEMES, User, UserSettings
from chat.security.limits import LOGIN, PREFERENCE, SIGNUP, VERIFICATION
from chat.services.accounts import Refused, TooManyGuesses
from chat.web.auth import log_in, log_out, login_required, safe_target, signed_in_user
from chat.web.forms import LoginForm, SignUpForm, add_error
from chat.web.guards import client_address, limited
from chat.web.resources import resources

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")

WRONG = "The e-mail address or the password is wrong."


@blueprint.route("/signup/", methods=["GET", "POST"])
@limited(SIGNUP)
async def signup() -> ResponseReturnValue:
    """A new account; without verification one is logged in at once."""
    if request.method != "POST" and await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    form = SignUpForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await _page("accounts/signup.html", form)
    try:
        user = await resources().accounts.sign_up(form.email.data, form.password1.data)
    except Refused as refused:
        add_error(form, refused.field, str(refused))
        return await _page("accounts/signup.html", form)
    return await _enter(user, form.email.data)


@blueprint.route("/login/", methods=["GET", "POST"])
@limited(LOGIN)
async def login() -> ResponseReturnValue:
    """Log in, and go where one wanted to."""
    target = safe_target((await request.values).get("next"))
    if request.method != "POST" and await signed_in_user():
        return redirect(target, 303)
    form = LoginForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await _page("accounts/login.html", form, next=target)
    user = await _authenticated(form)
    if user is None:
        return await _page("accounts/login.html", form, next=target)
    return await _enter(user if resources().accounts.may_log_in(user) else None, user.email, target=target)


@blueprint.post("/logout/")
@limited(PREFERENCE)
async def logout() -> ResponseReturnValue:
    """End this session, here and in its open tabs."""
    await log_out()
    response = redirect(url_for("pages.landing"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.get("/verify-email/sent/")
async def verify_email_sent() -> ResponseReturnValue:
    """Look into your mailbox."""
    return await render_template("accounts/verify_email_sent.html", email=session.get("email", ""))


@blueprint.get("/verify-required/")
async def verify_required() -> ResponseReturnValue:
    """The password was right, and the address is not verified yet."""
    return await render_template("accounts/verify_required.html", email=session.get("email", ""))


@blueprint.route("/verify-email/<token>/", methods=["GET", "POST"])
@limited(VERIFICATION)
async def verify_email(token: str) -> ResponseReturnValue:
    """The mailed link. Only the button uses it up: mail scanners open links too, some with HEAD."""
    if request.method != "POST":
        page = await render_template("accounts/verify_email.html", token=token)
        return page, 200, {"Referrer-Policy": "no-referrer"}
    user = await resources().accounts.verify_email(token)
    if user is None:
        return await render_template("accounts/verify_email_error.html"), 422
    return await _enter(user, user.email)


@blueprint.post("/settings/theme/")
@limited(PREFERENCE)
@login_required
async def theme(user: User) -> ResponseReturnValue:
    """Light, dark, or as the system is."""
    chosen = (await request.form).get("theme", "")
    if chosen not in THEMES:
        abort(422, f"Choose one of {', '.join(THEMES)}.")
    await UserSettings.update_or_create({"theme": chosen}, user_id=user.id)
    return {"theme": chosen}


async def _authenticated(form: LoginForm) -> User | None:
    try:
        user = await resources().accounts.authenticate(form.email.data, form.password.data, address=client_address())
    except TooManyGuesses as refused:
        minutes = -(-refused.wait_ms // 60_000)
        add_error(form, "password", f"Too many tries. Try again in {minutes} minute{'' if minutes == 1 else 's'}.")
        return None
    if user is None:
        add_error(form, "password", WRONG)
    return user


async def _enter(user: User | None, email: str, *, target: str = "/chat/") -> ResponseReturnValue:
    """Into the chat, or to the page that says to look into the mailbox."""
    if user:
        await log_in(user)
        return redirect(target, 303)
    session["email"] = email
    page = "verify_required" if request.endpoint == "accounts.login" else "verify_email_sent"
    return redirect(url_for(f"accounts.{page}"), 303)


async def _page(template: str, form: Form, **context: Any) -> ResponseReturnValue:
    least = resources().settings.password_min_length
    page = await render_template(template, form=form, password_min_length=least, **context)
    return page, 422 if request.method == "POST" else 200
