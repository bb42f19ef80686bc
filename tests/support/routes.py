"""An app whose routes are read; it serves no request."""

from __future__ import annotations

from chat.app import create_app
from chat.settings import Settings

APP = create_app(Settings(debug=True, secret_key="only to look at the routes"))
