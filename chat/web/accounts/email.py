"""Confirming the email address of a new account, and changing the address of an existing one."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, flash, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from chat.durations import wait_in_words, wait_seconds
from chat.models import Confirms, User
from chat.security.limits import CHANGE_EMAIL, RESEND, VERIFICATION
from chat.services.accounts import email_links
from chat.services.errors import Refused
from chat.text import isolated
from chat.web.accounts.login_flow import (
    continue_login,
    form_page,
    is_confirmed,
    is_confirmed_by,
    is_own,
    keep_private,
    refused_page,
    this_browser,
)
from chat.web.auth import login_required, signed_in_user
from chat.web.forms import ChangeEmailForm, ConfirmForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("email", __name__)
blueprint.after_request(keep_private)


@blueprint.get("/verify-email/sent/")
async def verify_email_sent() -> ResponseReturnValue:
    """Ask the user to check the mailbox."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await _mailbox_page("verify_email_sent", again="again" in request.args)


@blueprint.get("/verify-required/")
async def verify_required() -> ResponseReturnValue:
    """The password was right, but the address is not confirmed yet."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await _mailbox_page("verify_required")


@blueprint.post("/verify-email/resend/")
@limited(RESEND)
async def resend() -> ResponseReturnValue:
    """Send another link to the address this browser signed up or logged in with; the same answer for any address."""
    email, deps = session.get("email"), resources()
    if not email:
        return redirect(url_for("accounts.login.login"), 303)
    wait_ms = await email_links.resend(
        email, this_browser(), limits=deps.limits, mailer=deps.mailer, settings=deps.settings
    )
    if wait_ms:
        page = await _mailbox_page("verify_email_sent", wait_ms=wait_ms, too_early=True)
        return page, 429, {"Retry-After": str(wait_seconds(wait_ms))}
    return redirect(url_for(".verify_email_sent", again="yes"), 303)


@blueprint.route("/verify-email/<token>/", methods=["GET", "POST"])
@limited(VERIFICATION)
async def verify_email(token: str) -> ResponseReturnValue:
    """The emailed link. Only its button uses it up, because mail scanners open links too, some with HEAD."""
    found, form = await email_links.find(token, Confirms.SIGN_UP), ConfirmForm(await request.form)
    if found is None:
        return await _dead_link()
    if request.method != "POST" or not await is_confirmed_by(form, found.user):
        asks = not await is_own(found.user)
        return await form_page("accounts/verify_email.html", form, token=token, email=found.email, asks=asks)
    user = await email_links.verify(token)
    if user is None:
        return await _dead_link()
    session.pop("email", None)
    session.pop("knows_password_of", None)
    if await signed_in_user():  # a link never changes who is logged in
        return await render_template("accounts/verify_email_done.html", email=user.email)
    return await continue_login(user)


@blueprint.route("/change-email/", methods=["GET", "POST"])
@blueprint.route("/change_email/", methods=["GET", "POST"], alias=True)
@limited(CHANGE_EMAIL)
@login_required
async def change_email(user: User) -> ResponseReturnValue:
    """Enter the new address and the password; a link is sent to the new address."""
    deps, form = resources(), ChangeEmailForm(await request.form)
    if request.method != "POST" or not await is_confirmed(form, user):
        return await form_page("accounts/change_email.html", form)
    try:
        email = await email_links.request_change(
            user, form.email.data, limits=deps.limits, mailer=deps.mailer, settings=deps.settings
        )
    except Refused as refused:
        return await refused_page("accounts/change_email.html", form, refused)
    await flash(f"We sent an email to {isolated(email)}. Open the link in it to confirm the new address.")
    return redirect(url_for(".change_email"), 303)


@blueprint.route("/change-email/<token>/", methods=["GET", "POST"])
@limited(VERIFICATION)
async def confirm_change(token: str) -> ResponseReturnValue:
    """The emailed link; only its button uses it up. It proves the mailbox, not the person, so it logs no one in."""
    found, form = await email_links.find(token, Confirms.CHANGE), ConfirmForm(await request.form)
    if found is None:
        return await _dead_change()
    if request.method != "POST" or not await is_confirmed_by(form, found.user):
        asks = not await is_own(found.user)
        return await form_page("accounts/confirm_change.html", form, token=token, email=found.email, asks=asks)
    user = await email_links.change(token, mailer=resources().mailer, settings=resources().settings)
    if user is None:
        return await _dead_change()
    await flash(f"Your email address is now {isolated(user.email)}. Log in with it from now on.")
    here = await signed_in_user()
    return redirect(url_for("accounts.settings.settings" if here else "accounts.login.login"), 303)


async def _dead_link() -> ResponseReturnValue:
    return await _mailbox_page("verify_email_error"), _dead_status()


async def _dead_change() -> ResponseReturnValue:
    return await render_template("accounts/confirm_change_error.html"), _dead_status()


def _dead_status() -> int:
    return 422 if request.method == "POST" else 404


async def _mailbox_page(name: str, *, wait_ms: int = 0, **context: Any) -> str:
    """A page with a button to resend the email, and this browser's wait before that is possible."""
    email, browser = session.get("email", ""), session.get("browser")
    if email and browser:
        wait_ms = max(wait_ms, await email_links.wait_left_ms(email, browser, limits=resources().limits))
    wait = {"wait_seconds": wait_seconds(wait_ms), "wait": wait_in_words(wait_ms)}
    return await render_template(f"accounts/{name}.html", email=email, **wait, **context)
