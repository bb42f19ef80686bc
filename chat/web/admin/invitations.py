"""The page on which administrators invite people."""

from __future__ import annotations

from quart import Blueprint, flash, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.security.limits import INVITE
from chat.services.admin import invitations
from chat.services.admin.invitations import Invited
from chat.services.errors import Refused
from chat.text import isolated
from chat.web.accounts.login_flow import form_page, keep_private, refused_page
from chat.web.admin.audit_context import audit_context
from chat.web.admin.confirmation import recently_confirmed
from chat.web.auth import staff_required
from chat.web.forms import InviteForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("invitations", __name__)
blueprint.after_request(keep_private)


@blueprint.route("/invitations/new/", methods=["GET", "POST"])
@limited(INVITE)
@staff_required
@recently_confirmed
async def invite(user: User) -> ResponseReturnValue:
    """Invite by email, or show the link in the response to the form, since it is stored nowhere."""
    form = InviteForm(await request.form)
    mails = resources().settings.email_backend == "smtp"
    if request.method != "POST" or not form.validate():
        return await form_page("admin/invite.html", form, mails=mails)
    try:
        invited = await _invite(user, form)
    except Refused as refused:
        return await refused_page("admin/invite.html", form, refused, mails=mails)
    if invited.link:
        return await render_template("admin/invited.html", invited=invited, uses=form.uses.data)
    await flash(f"An invitation is on its way to {isolated(invited.email)}.")
    return redirect(url_for("admin.lists.row", name="invitations", row_id=invited.id), 303)


async def _invite(user: User, form: InviteForm) -> Invited:
    opened, context = resources(), await audit_context(user, None)
    work = invitations.invite(
        context,
        form.email.data or "",
        form.uses.data,
        mailer=opened.mailer,
        limits=opened.limits,
        settings=opened.settings,
    )
    return await opened.worker.shielded(work, "administration: invite")
