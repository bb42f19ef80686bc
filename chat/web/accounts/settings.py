"""What users set for themselves."""

from __future__ import annotations

from quart import Blueprint, abort, request
from quart.typing import ResponseReturnValue

from chat.models import THEMES, User, UserSettings
from chat.security.limits import PREFERENCE
from chat.web.auth import login_required
from chat.web.guards import limited

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.post("/theme/")
@limited(PREFERENCE)
@login_required
async def theme(user: User) -> ResponseReturnValue:
    """Light, dark, or as the system is."""
    chosen = (await request.form).get("theme", "")
    if chosen not in THEMES:
        abort(422, f"Choose one of {', '.join(THEMES)}.")
    await UserSettings.update_or_create({"theme": chosen}, user_id=user.id)
    return {"theme": chosen}
