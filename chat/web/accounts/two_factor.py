"""The second factor: asked for after the password, set up, its recovery codes, turned off."""

from __future__ import annotations

from typing import cast

import segno
from quart import Blueprint, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.models import AuthSession, SecondFactor, User
from chat.security.limits import LOGIN, PREFERENCE
from chat.services.accounts import two_factor
from chat.services.errors import Refused, TooManyGuesses
from chat.web.accounts import pending_login
from chat.web.accounts.login_flow import admit, form_page, is_confirmed, refused_page, too_early
from chat.web.auth import current_session, login_required, renew, signed_in_user
from chat.web.forms import CodeForm, ConfirmForm, Form, ProofForm, add_error
from chat.web.rate_limits import client_address, limited
from chat.web.resources import resources

blueprint = Blueprint("second_factor", __name__)

PAGE = "accounts.second_factor.second_factor"


@blueprint.after_request
async def keep_to_oneself(response: Response) -> Response:
    """No cache keeps a secret, or a page that asks for a code that is asked for no more."""
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("/login/code/", methods=["GET", "POST"])
@limited(LOGIN)
async def login_code() -> ResponseReturnValue:
    """The second half of a login. Its first half is over after ten minutes, or when the password changes."""
    begun, form = await pending_login.unfinished_login(), CodeForm(await request.form)
    if begun is None:
        return await _nothing_begun()
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/login_code.html", form)
    try:
        if not await _use_code(form, begun.user):
            return await form_page("accounts/login_code.html", form)
    except TooManyGuesses as refused:
        return await refused_page("accounts/login_code.html", form, refused, guessed="code")
    pending_login.finish(pending_login.LOGIN)
    return await admit(begun.user, target=begun.target, remember=begun.remember, with_code=True)


@blueprint.route("/second-factor/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def second_factor(user: User) -> ResponseReturnValue:
    """Whether it is on. If it is off, the password begins the set-up."""
    form = ConfirmForm(await request.form)
    if factor := await two_factor.factor_of(user):
        left = await two_factor.recovery_codes_left(user)
        return await render_template("accounts/two_factor.html", since=factor.confirmed_at, left=left)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/two_factor_off.html", form)
    await pending_login.begin_set_up(user)
    return redirect(url_for(".set_up"), 303)


@blueprint.route("/second-factor/set-up/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def set_up(user: User) -> ResponseReturnValue:
    """The secret for the app. Its first code turns the second factor on."""
    factor, form = await pending_login.unfinished_set_up(user), CodeForm(await request.form)
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


@blueprint.route("/second-factor/codes/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def recovery_codes(user: User) -> ResponseReturnValue:
    """Other recovery codes in the place of those that there are."""
    form = ProofForm(await request.form)
    if not await two_factor.factor_of(user):
        return redirect(url_for(PAGE), 303)
    if request.method != "POST" or not await _is_proven(form, user):
        return await form_page("accounts/two_factor_new_codes.html", form)
    return await _codes_page(await two_factor.new_recovery_codes(user, accounts=resources().accounts))


@blueprint.route("/second-factor/turn-off/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def turn_off(user: User) -> ResponseReturnValue:
    """The password alone is enough again."""
    opened, form = resources(), ProofForm(await request.form)
    if not await two_factor.factor_of(user):
        return redirect(url_for(PAGE), 303)
    if request.method != "POST" or not await _is_proven(form, user):
        return await form_page("accounts/two_factor_turn_off.html", form)
    await two_factor.turn_off(user, mailer=opened.mailer, settings=opened.settings)
    await flash("The second factor is off. Your password alone logs you in.")
    return redirect(url_for(PAGE), 303)


async def _nothing_begun() -> ResponseReturnValue:
    """Nobody's business is told: the same for whoever never began, came too late, or has another password by now."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    pending_login.finish(pending_login.LOGIN)
    await flash("Log in again: a code is asked for within ten minutes after the password.")
    return redirect(url_for("accounts.entrance.login"), 303)


async def _use_code(form: Form, user: User) -> bool:
    """Whether the form's code was right, and is used up now. Raises TooManyGuesses."""
    code, accounts = form.code.data, resources().accounts
    right = await two_factor.use_code(user, code, address=client_address(), accounts=accounts)
    if not right:
        add_error(form, "code", two_factor.WRONG_CODE)
    return right


async def _is_proven(form: Form, user: User) -> bool:
    """Whether password and code are right: neither an open browser nor a seen password is enough."""
    if not await is_confirmed(form, user):
        return False
    try:
        return await _use_code(form, user)
    except TooManyGuesses as refused:
        too_early(form, "code", refused)
        return False


async def _turn_on(user: User, factor: SecondFactor, form: Form) -> list[str] | None:
    """This browser stays logged in, with another token, as after a change of the password."""
    here, opened = cast(AuthSession, await current_session()), resources()
    codes = await two_factor.turn_on(
        user, factor, form.code.data, session=here, accounts=opened.accounts, broadcast=opened.broadcast
    )
    pending_login.finish(pending_login.SET_UP)
    await renew(here)
    return codes


async def _set_up_page(user: User, factor: SecondFactor, form: Form) -> ResponseReturnValue:
    """With the secret as an image, as a link for the phone itself, and as text to type."""
    settings = resources().settings
    secret = two_factor.secret_of(factor, settings=settings)
    link = two_factor.link_of(factor, user, settings=settings)
    # White around it and in it also in the dark: many cameras read no others.
    image = segno.make_qr(link, error="m").svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True)
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    return await form_page("accounts/two_factor_set_up.html", form, image=image, link=link, groups=groups)


async def _codes_page(codes: list[str] | None, *, is_new: bool = False) -> ResponseReturnValue:
    """The answer to the form itself and not to a redirect: so the codes are kept nowhere, to be shown this once."""
    if codes is None:
        return redirect(url_for(PAGE), 303)
    return await render_template("accounts/two_factor_codes.html", codes=codes, is_new=is_new)
