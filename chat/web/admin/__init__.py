"""The administrators' corner. To everybody else it does not exist."""

from typing import Any

from quart import Blueprint

from chat.web.admin import changes, confirmation, lists, overview
from chat.web.admin.tables import TABLES

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for pages in (overview, confirmation, lists, changes):
    blueprint.register_blueprint(pages.blueprint)


@blueprint.context_processor
def navigation() -> dict[str, Any]:
    """What the bar of these pages lists."""
    return {"tables": TABLES.values()}
