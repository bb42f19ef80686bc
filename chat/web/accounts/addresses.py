"""Changing one's e-mail address, which is confirmed at the new one."""

from __future__ import annotations

from quart import Blueprint, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import Confirms, User
from chat.security.limits import CHANGE_EMAIL, VERIFICATION
from chat.services.accounts import email_links
from chat.services.errors import Refused
from chat.web.accounts.login_flow import (
    form_page,
    is_confirmed,
    is_confirmed_by,
    is_own,
    keep_to_oneself,
    refused_page,
)
from chat.web.auth import login_required, signed_in_user
from chat.web.forms import ChangeEmailForm, ConfirmForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("addresses", __name__)
blueprint.after_request(keep_to_oneself)


@blueprint.route("/change_email/", methods=["GET", "POST"])
@limited(CHANGE_EMAIL)
@login_required
async def change_email(user: User) -> ResponseReturnValue:
    """Which address, and the password; a link goes there."""
    opened, form = resources(), ChangeEmailForm(await request.form)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/change_email.html", form)
    mailer, site = opened.mailer, opened.settings
    try:
        email = await email_links.request_change(
            user, form.email.data, limits=opened.limits, mailer=mailer, settings=site
        )
    except Refused as refused:
        return await refused_page("accounts/change_email.html", form, refused)
    await flash(f"A message is on its way to {email}. Open the link in it; until then everything stays as it is.")
    return redirect(url_for("accounts.addresses.change_email"), 303)


@blueprint.route("/change-email/<token>/", methods=["GET", "POST"])
@limited(VERIFICATION)
async def confirm_change(token: str) -> ResponseReturnValue:
    """The mailed link; only the button uses it up. It proves the mailbox and not the person, so it logs nobody in."""
    found, form = await email_links.find(token, Confirms.CHANGE), ConfirmForm(await request.form)
    if found is None:
        return await _dead_link()
    if request.method != "POST" or not await is_confirmed_by(form, found.user):
        asks = not await is_own(found.user)
        return await form_page("accounts/confirm_change.html", form, token=token, email=found.email, asks=asks)
    user = await email_links.change(token, mailer=resources().mailer)
    if user is None:
        return await _dead_link()
    await flash(f"{user.email} is the e-mail address of the account now. Log in with it from now on.")
    here = await signed_in_user()
    return redirect(url_for("accounts.settings.settings" if here else "accounts.entrance.login"), 303)


async def _dead_link() -> ResponseReturnValue:
    page = await render_template("accounts/confirm_change_error.html")
    return page, 422 if request.method == "POST" else 404
