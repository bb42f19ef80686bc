"""Signed cookies that don't depend on a host's clock: rows, or times from the database's clock, decide expiry.

Otherwise a cookie that another host has signed is refused for as many seconds as that host's clock is ahead.
"""

from __future__ import annotations

from typing import Any

from itsdangerous import URLSafeTimedSerializer
from quart import Quart
from quart.sessions import SecureCookieSessionInterface
from quart_auth.extension import _AuthSerializer


class AgelessSerializer(URLSafeTimedSerializer):
    """Signs with a time, as before, but doesn't compare it."""

    def loads(self, s: str | bytes, max_age: int | None = None, *more: Any, **named: Any) -> Any:  # type: ignore[override]
        """The value, however old it seems. Raises BadSignature."""
        return super().loads(s, None, *more, **named)


class AuthSerializer(AgelessSerializer, _AuthSerializer):
    """Quart-Auth's serializer, without a maximum age."""


class FormSessions(SecureCookieSessionInterface):
    """Quart's sessions in a cookie."""

    def get_signing_serializer(self, app: Quart) -> URLSafeTimedSerializer | None:
        """Quart's serializer, without a maximum age."""
        signer = super().get_signing_serializer(app)
        if signer is None:
            return None
        return AgelessSerializer(
            signer.secret_keys, signer.salt, serializer=self.serializer, signer_kwargs=signer.signer_kwargs
        )
