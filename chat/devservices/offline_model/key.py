"""The key that requests to the offline model need, since every user of a machine can reach its ports."""

from __future__ import annotations

import hmac
from http import HTTPStatus

from chat.devservices.offline_model.http import ProblemError, Request

KEY_VARIABLE = "OFFLINE_MODEL_KEY"


def check_key(request: Request, key: str) -> None:
    """Raises ProblemError if the request has no key or a wrong one. If `key` is empty, any key is right, for tests."""
    sent = request.headers.get("authorization", "")
    if not key:
        if request.path.startswith("/v1/") and not sent.startswith("Bearer "):
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "You didn't provide an API key.", code="invalid_api_key")
    elif not hmac.compare_digest(sent.encode(), f"Bearer {key}".encode()):
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided.", code="invalid_api_key")
