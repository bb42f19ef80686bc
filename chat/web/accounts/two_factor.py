"""Two-factor authentication: the code of a login, turning it on and off, and its recovery codes."""

from __future__ import annotations

from typing import cast

import segno
from quart import Blueprint, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import AuthSession, SecondFactor, User
from chat.security.limits import LOGIN, PREFERENCE
from chat.services.accounts import two_factor as service
from chat.services.errors import Refused, TooManyGuesses
from chat.web.accounts import pending_login
from chat.web.accounts.login_flow import add_wait, complete_login, form_page, is_confirmed, keep_private, refused_page
from chat.web.auth import current_session, login_required, renew, signed_in_user
from chat.web.forms import CodeForm, ConfirmForm, Form, ProofForm, add_error
from chat.web.rate_limits import client_address, limited
from chat.web.resources import resources

blueprint = Blueprint("two_factor", __name__)
blueprint.after_request(keep_private)

PAGE = "accounts.two_factor.two_factor"


@blueprint.route("/login/code/", methods=["GET", "POST"])
@limited(LOGIN)
async def login_code() -> ResponseReturnValue:
    """Complete a pending login with a two-factor code."""
    pending, form = await pending_login.find(), CodeForm(await request.form)
    if pending is None:
        return await _no_pending_login()
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/login_code.html", form)
    try:
        if not await _is_code_used(form, pending.user):
            return await form_page("accounts/login_code.html", form)
    except TooManyGuesses as refused:
        return await refused_page("accounts/login_code.html", form, refused, guessed="code")
    pending_login.forget(pending_login.LOGIN)
    return await complete_login(pending.user, target=pending.target, remember=pending.remember, with_code=True)


@blueprint.route("/two-factor/", methods=["GET", "POST"])
@blueprint.route("/second-factor/", methods=["GET", "POST"], alias=True)
@limited(PREFERENCE)
@login_required
async def two_factor(user: User) -> ResponseReturnValue:
    """Whether 2FA is on. If it is off, entering the password begins the set-up."""
    form = ConfirmForm(await request.form)
    if factor := await service.factor_of(user):
        left = await service.recovery_codes_left(user)
        return await render_template("accounts/two_factor.html", since=factor.confirmed_at, left=left)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/two_factor_off.html", form)
    await pending_login.begin_set_up(user)
    return redirect(url_for(".set_up"), 303)


@blueprint.route("/two-factor/set-up/", methods=["GET", "POST"])
@blueprint.route("/second-factor/set-up/", methods=["GET", "POST"], alias=True)
@limited(PREFERENCE)
@login_required
async def set_up(user: User) -> ResponseReturnValue:
    """The secret for the app; the app's first code turns two-factor authentication on."""
    factor, form = await pending_login.find_set_up(user), CodeForm(await request.form)
    if factor is None:
        return redirect(url_for(PAGE), 303)
    if request.method != "POST" or not form.validate():
        return await _set_up_page(user, factor, form)
    try:
        codes = await _turn_on(user, factor, form)
    except Refused as refused:
        add_error(form, refused.field, str(refused))
        return await _set_up_page(user, factor, form)
    return await _codes_page(codes, is_new=True)


@blueprint.route("/two-factor/recovery-codes/", methods=["GET", "POST"])
@blueprint.route("/second-factor/codes/", methods=["GET", "POST"], alias=True)
@limited(PREFERENCE)
@login_required
async def recovery_codes(user: User) -> ResponseReturnValue:
    """Replace the recovery codes."""
    form = ProofForm(await request.form)
    if not await service.factor_of(user):
        return redirect(url_for(PAGE), 303)
    if request.method != "POST" or not await _is_proven(form, user):
        return await form_page("accounts/two_factor_new_codes.html", form)
    return await _codes_page(await service.new_recovery_codes(user, accounts=resources().accounts))


@blueprint.route("/two-factor/turn-off/", methods=["GET", "POST"])
@blueprint.route("/second-factor/turn-off/", methods=["GET", "POST"], alias=True)
@limited(PREFERENCE)
@login_required
async def turn_off(user: User) -> ResponseReturnValue:
    """Turn off two-factor authentication, so that the password alone logs in."""
    deps, form = resources(), ProofForm(await request.form)
    if not await service.factor_of(user):
        return redirect(url_for(PAGE), 303)
    if request.method != "POST" or not await _is_proven(form, user):
        return await form_page("accounts/two_factor_turn_off.html", form)
    await service.turn_off(user, mailer=deps.mailer, settings=deps.settings)
    await flash("Two-factor authentication is off. Your password alone logs you in.")
    return redirect(url_for(PAGE), 303)


async def _no_pending_login() -> ResponseReturnValue:
    """The same answer without a pending login, for one that is too old, and after a change of the password."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    pending_login.forget(pending_login.LOGIN)
    await flash("Log in again, then enter the code within 10 minutes.")
    return redirect(url_for("accounts.login.login"), 303)


async def _is_code_used(form: Form, user: User) -> bool:
    """Use up the form's code; False if it is wrong, with an error in the form. Raises TooManyGuesses."""
    code, accounts = form.code.data, resources().accounts
    right = await service.use_code(user, code, address=client_address(), accounts=accounts)
    if not right:
        add_error(form, "code", service.WRONG_CODE)
    return right


async def _is_proven(form: Form, user: User) -> bool:
    """Whether password and code are right: neither an open browser nor a stolen password is enough."""
    if not await is_confirmed(form, user):
        return False
    try:
        return await _is_code_used(form, user)
    except TooManyGuesses as refused:
        add_wait(form, "code", refused)
        return False


async def _turn_on(user: User, factor: SecondFactor, form: Form) -> list[str] | None:
    """Turn on 2FA; this browser stays logged in with a new token, as after a change of the password."""
    here, deps = cast(AuthSession, await current_session()), resources()
    codes = await service.turn_on(
        user, factor, form.code.data, session=here, accounts=deps.accounts, broadcast=deps.broadcast
    )
    pending_login.forget(pending_login.SET_UP)
    await renew(here)
    return codes


async def _set_up_page(user: User, factor: SecondFactor, form: Form) -> ResponseReturnValue:
    """The secret as a QR code, as a link for apps on this device, and as text to type."""
    settings = resources().settings
    secret = service.secret_of(factor, settings=settings)
    link = service.link_of(factor, user, settings=settings)
    # Black on white in the dark theme too: many cameras read nothing else.
    image = segno.make_qr(link, error="m").svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True)
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    return await form_page("accounts/two_factor_set_up.html", form, image=image, link=link, groups=groups)


async def _codes_page(codes: list[str] | None, *, is_new: bool = False) -> ResponseReturnValue:
    """Shown once, as the answer to the form: a redirect would have to store the codes somewhere."""
    if codes is None:
        return redirect(url_for(PAGE), 303)
    return await render_template("accounts/two_factor_codes.html", codes=codes, is_new=is_new)
