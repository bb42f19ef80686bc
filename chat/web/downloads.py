"""Files that are made while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterable
from datetime import UTC, datetime

from quart.wrappers import Response

TIMEOUT_SECONDS = 3600  # for slow connections; Quart's default for a response is one minute


def download(content: AsyncIterable[bytes], name: str, *, content_type: str) -> Response:
    """The response for a download; `name` like "chats.zip" becomes "chats-2026-11-29.zip"."""
    stem, _, extension = name.rpartition(".")
    response = Response(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{stem}-{datetime.now(UTC):%Y-%m-%d}.{extension}"'
    response.timeout = TIMEOUT_SECONDS
    return response
