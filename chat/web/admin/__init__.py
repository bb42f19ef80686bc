"""The administrators' pages; all other users get 404."""

from typing import Any

from quart import Blueprint, redirect, request
from quart.typing import ResponseReturnValue

from chat.web.admin import approval, changes, confirmation, invitations, lists, overview
from chat.web.admin.tables import TABLES

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for pages in (overview, confirmation, approval, invitations, lists, changes):
    blueprint.register_blueprint(pages.blueprint)


@blueprint.before_request
async def redirect_old_addresses() -> ResponseReturnValue | None:
    """Earlier addresses had the underscores of names, like /admin/tool_calls/."""
    if "_" in request.path:
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        return redirect(request.path.replace("_", "-") + query, 308)
    return None


@blueprint.context_processor
def navigation() -> dict[str, Any]:
    """The lists in the navigation bar."""
    return {"tables": TABLES.values()}
