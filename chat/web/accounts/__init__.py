"""The pages of accounts: login, invitations, email address, passwords, two-factor authentication and settings."""

from quart import Blueprint

from chat.web.accounts import email, invitation, login, passwords, settings, two_factor

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")
for pages in (login, invitation, email, passwords, settings, two_factor):
    blueprint.register_blueprint(pages.blueprint)
