"""Confirming that an e-mail address is one's own."""

from __future__ import annotations

from quart import Blueprint, render_template, request, session
from quart.typing import ResponseReturnValue

from chat.security.limits import VERIFICATION
from chat.services import verification
from chat.web.accounts.entry import enter
from chat.web.guards import limited

blueprint = Blueprint("verification", __name__)


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
    user = await verification.verify_email(token)
    if user is None:
        return await render_template("accounts/verify_email_error.html"), 422
    return await enter(user)
