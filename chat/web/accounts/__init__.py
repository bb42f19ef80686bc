"""The pages of accounts: coming in, the address's verification, passwords, and what one sets for oneself."""

from quart import Blueprint

from chat.web.accounts import addresses, data, deletion, email, login, passwords, sessions, settings, two_factor

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")
for pages in (login, email, passwords, settings, addresses, sessions, data, deletion, two_factor):
    blueprint.register_blueprint(pages.blueprint)
