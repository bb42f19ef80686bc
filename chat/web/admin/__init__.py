"""The administrators' corner. To everybody else it does not exist."""

from quart import Blueprint

from chat.web.admin import overview

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for pages in (overview,):
    blueprint.register_blueprint(pages.blueprint)
