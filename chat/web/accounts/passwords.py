"""Passwords: what is wrong with one, before it is sent."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from chat.models import EMAIL_MAX_LENGTH
from chat.security.limits import PASSWORD_CHECK
from chat.services.accounts import password_problems
from chat.web.guards import limited
from chat.web.resources import resources

blueprint = Blueprint("passwords", __name__)


@blueprint.post("/password_check/")
@limited(PASSWORD_CHECK)
async def password_check() -> ResponseReturnValue:
    """The sentences that the form would come back with. The password is looked at, and neither kept nor logged."""
    form = await request.form
    password = form.get("password1") or form.get("new_password1") or ""
    email = form.get("email", "")[:EMAIL_MAX_LENGTH]
    return {"errors": password_problems(password, email=email, settings=resources().settings)}
