"""Signing up, logging in and logging out."""

from __future__ import annotations

from quart import Blueprint, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import LOGIN, PAGE_POST, PREFERENCE
from chat.services.accounts.sign_up_rules import SignUpRules
from chat.services.errors import Refused, TooManyGuesses, Unconfirmed
from chat.web.accounts import login_target
from chat.web.accounts.login_flow import (
    complete_logout,
    continue_login,
    form_page,
    own_target,
    refused_page,
    signed_up,
    to_mailbox,
)
from chat.web.auth import safe_target, signed_in_user
from chat.web.forms import LoginForm, SignUpForm, add_error
from chat.web.rate_limits import client_address, limited
from chat.web.resources import resources

blueprint = Blueprint("login", __name__)

WRONG_LOGIN = "The email address or password is wrong. Try again, or reset your password."


@blueprint.route("/signup/", methods=["GET", "POST"])
@limited(PAGE_POST)
async def signup() -> ResponseReturnValue:
    """Create an account; without email verification, log in at once."""
    if request.method != "POST" and await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    form = SignUpForm(await request.form)
    if not SignUpRules.of(resources().settings).has_form:
        return await render_template("accounts/signup_closed.html"), 403 if request.method == "POST" else 200
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/signup.html", form)
    try:
        return await signed_up(form.email.data, form.password1.data)
    except Refused as refused:
        return await refused_page("accounts/signup.html", form, refused)


@blueprint.route("/login/", methods=["GET", "POST"])
@limited(LOGIN)
async def login() -> ResponseReturnValue:
    """Log in and go to `next`."""
    wanted = (await request.values).get("next")
    target = safe_target(wanted) if wanted else login_target.remembered()
    if request.method != "POST" and (user := await signed_in_user()):
        return redirect(await own_target(user, target), 303)
    if request.method != "POST" and wanted:
        login_target.remember(target)
    form = LoginForm(await request.form)
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/login.html", form, next=target)
    try:
        user = await _authenticated(form)
    except TooManyGuesses as refused:
        return await refused_page("accounts/login.html", form, refused, next=target)
    except Unconfirmed as unconfirmed:
        return to_mailbox("verify_required", unconfirmed.email, stamp=unconfirmed.stamp)
    if user is None:
        add_error(form, "password", WRONG_LOGIN)
        return await form_page("accounts/login.html", form, next=target)
    return await continue_login(user, target=target, remember=form.remember.data)


@blueprint.post("/logout/")
@limited(PREFERENCE)
async def logout() -> ResponseReturnValue:
    """End this session and its open tabs."""
    return await complete_logout()


async def _authenticated(form: LoginForm) -> User | None:
    return await resources().accounts.log_in(form.email.data, form.password.data, address=client_address())
