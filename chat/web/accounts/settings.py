"""What users set for themselves."""

from __future__ import annotations

from quart import Blueprint, abort, flash, redirect, request, url_for
from quart.typing import ResponseReturnValue

from chat.models import THEMES, User
from chat.security.limits import PREFERENCE
from chat.services.accounts import preferences, two_factor
from chat.web.accounts.login_flow import form_page
from chat.web.auth import login_required
from chat.web.forms import SettingsForm
from chat.web.rate_limits import limited
from chat.web.resources import resources

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.route("/", methods=["GET", "POST"])
@limited(PREFERENCE)
@login_required
async def settings(user: User) -> ResponseReturnValue:
    """Name, model and theme, and the way to everything else about the account."""
    opened = resources()
    form = SettingsForm.of(user, await request.form, models=opened.settings.models)
    if request.method != "POST" or not form.validate():
        second_factor = await two_factor.factor_of(user)
        return await form_page("accounts/settings.html", form, second_factor=second_factor)
    await preferences.save(user, **form.data, models=opened.settings.models, broadcast=opened.broadcast)
    await flash("Saved.")
    return redirect(url_for("accounts.settings.settings"), 303)


@blueprint.post("/theme/")
@limited(PREFERENCE)
@login_required
async def theme(user: User) -> ResponseReturnValue:
    """Light, dark, or as the system is."""
    chosen = (await request.form).get("theme", "")
    if chosen not in THEMES:
        abort(422, f"Choose one of {', '.join(THEMES)}.")
    await preferences.choose_theme(user, chosen, broadcast=resources().broadcast)
    return {"theme": chosen}
