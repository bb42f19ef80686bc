"""Confirming that an e-mail address is one's own."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from chat.durations import wait_in_words, wait_seconds
from chat.models import Confirms
from chat.security.limits import RESEND, RESEND_BACKOFF, VERIFICATION
from chat.services.accounts import email_links
from chat.web.accounts.login_flow import enter, form_page, is_confirmed_by, is_own, keep_to_oneself
from chat.web.auth import signed_in_user
from chat.web.forms import ConfirmForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("verification", __name__)
blueprint.after_request(keep_to_oneself)


@blueprint.get("/verify-email/sent/")
async def verify_email_sent() -> ResponseReturnValue:
    """Look into your mailbox."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await _mailbox_page("verify_email_sent", again="again" in request.args)


@blueprint.get("/verify-required/")
async def verify_required() -> ResponseReturnValue:
    """The password was right, and the address is not verified yet."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await _mailbox_page("verify_required")


@blueprint.post("/verify-email/resend/")
@limited(RESEND)
async def resend() -> ResponseReturnValue:
    """Another message to the address that this browser signed up or logged in with; the same answer for any."""
    email, opened = session.get("email"), resources()
    if not email:
        return redirect(url_for("accounts.entrance.login"), 303)
    wait_ms = await email_links.resend(email, limits=opened.limits, mailer=opened.mailer, settings=opened.settings)
    if wait_ms:
        page = await _mailbox_page("verify_email_sent", wait_ms=wait_ms, too_early=True)
        return page, 429, {"Retry-After": str(wait_seconds(wait_ms))}
    return redirect(url_for(".verify_email_sent", again="yes"), 303)


@blueprint.route("/verify-email/<token>/", methods=["GET", "POST"])
@limited(VERIFICATION)
async def verify_email(token: str) -> ResponseReturnValue:
    """The mailed link. Only the button uses it up: mail scanners open links too, some with HEAD."""
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
    if await signed_in_user():  # whoever sits there goes on as who they are, and does not write into another account
        return await render_template("accounts/verify_email_done.html", email=user.email)
    return await enter(user)


async def _dead_link() -> ResponseReturnValue:
    return await _mailbox_page("verify_email_error"), 422 if request.method == "POST" else 404


async def _mailbox_page(name: str, *, wait_ms: int = 0, **context: Any) -> str:
    """A page with a button for another message, and when that can be had."""
    email = session.get("email", "")
    wait_ms = max(wait_ms, await resources().limits.left_ms(RESEND_BACKOFF, email) if email else 0)
    wait = {"wait_seconds": wait_seconds(wait_ms), "wait": wait_in_words(wait_ms)}
    return await render_template(f"accounts/{name}.html", email=email, **wait, **context)
