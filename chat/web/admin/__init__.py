"""The administrators' pages; all other users get 404."""

from typing import Any

from quart import Blueprint

from chat.web.admin import changes, confirmation, lists, overview
from chat.web.admin.tables import TABLES

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for pages in (overview, confirmation, lists, changes):
    blueprint.register_blueprint(pages.blueprint)


@blueprint.context_processor
def navigation() -> dict[str, Any]:
    """The lists in the navigation bar."""
    return {"tables": TABLES.values()}
