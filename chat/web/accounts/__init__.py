"""The pages of accounts: coming in, the address's verification, passwords, and what one sets for oneself."""

from quart import Blueprint

from chat.web.accounts import (
    addresses,
    data,
    deletion,
    entrance,
    passwords,
    second_factor,
    sessions,
    settings,
    verification,
)

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")
for pages in (entrance, verification, passwords, settings, addresses, sessions, data, deletion, second_factor):
    blueprint.register_blueprint(pages.blueprint)
