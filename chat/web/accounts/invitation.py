"""Accepting an invitation: the sign-up form, with a fixed address if the invitation is for one."""

from __future__ import annotations

from quart import Blueprint, flash, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from chat.models import Invitation
from chat.security.limits import NEW_PASSWORD
from chat.services.accounts import invitations
from chat.services.errors import Refused
from chat.settings.sign_up import SignUp
from chat.web.accounts.login_flow import form_page, keep_private, refused_page, signed_up
from chat.web.accounts.passwords import TOKEN_MAX_LENGTH
from chat.web.auth import signed_in_user
from chat.web.forms import SignUpForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("invitation", __name__)
blueprint.after_request(keep_private)

KEY = "invitation_token"  # in the form session


@blueprint.get("/invitation/<token>/")
async def link(token: str) -> ResponseReturnValue:
    """Moves the link's token out of the URL, where the browser history would keep it."""
    session[KEY] = token[:TOKEN_MAX_LENGTH]
    return redirect(url_for(".accept"), 303)


@blueprint.route("/invitation/", methods=["GET", "POST"])
@limited(NEW_PASSWORD)
async def accept() -> ResponseReturnValue:
    """Create the account. Only submitting the form takes a use, because mail scanners open links."""
    if user := await signed_in_user():  # a link never changes the logged-in user
        await flash(f"You are logged in as {user.email}. To accept the invitation as someone else, log out first.")
        return redirect(url_for("chat.new_thread"), 303)
    invitation = await _found()
    if invitation is None:
        return await _dead()
    form = SignUpForm(await _sent(invitation))
    if request.method != "POST" or not form.validate():
        return await form_page("accounts/invitation.html", form, invitation=invitation)
    try:
        answer = await signed_up(form.email.data, form.password1.data, token=session[KEY])
    except Refused as refused:
        if refused.code == "dead_invitation":
            return await _dead()
        return await refused_page("accounts/invitation.html", form, refused, invitation=invitation)
    session.pop(KEY, None)
    return answer


async def _found() -> Invitation | None:
    if resources().settings.sign_up is SignUp.CLOSED:
        return None
    return await invitations.find(session.get(KEY, ""))


async def _sent(invitation: Invitation) -> MultiDict[str, str]:
    """The form, with the invitation's address if it has one."""
    sent = MultiDict(await request.form)
    if invitation.email:
        sent["email"] = invitation.email
    return sent


async def _dead() -> ResponseReturnValue:
    return await render_template("accounts/invitation_error.html"), 422 if request.method == "POST" else 404
