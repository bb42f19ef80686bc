"""Compression of responses: which content coding a client prefers, and which pages may be compressed at all."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from io import BytesIO

from quart import Quart, request
from quart.wrappers import Response
from quart.wrappers.response import DataBody
from werkzeug.datastructures import Accept

AT_LEAST_BYTES = 8 * 1024
LEVEL = 6  # a page of 211 kB becomes 16.7 kB in 2.3 ms; level 1: 20.4 kB in 0.8 ms; level 9: 16.0 kB in 6 ms
PADDING_BYTES = 100
LEAST = 1e-9
# The length of a compressed page reveals what its parts have in common (BREACH). These pages contain nothing that
# another site could choose with a link; docs/decisions.md explains why all other pages stay uncompressed.
COMPRESSED = {"chat.new_thread", "chat.thread", "chat.older_messages"}


def install(app: Quart) -> None:
    """Compress the large pages for which that is safe."""
    app.after_request(_compress)


def preferred(accepted: Accept, offered: Iterable[str]) -> str | None:
    """The content coding with the highest quality, the first of equals; None if the client refuses all of them."""

    def quality(coding: str) -> float:  # "identity" is acceptable unless it is refused, by name or by "*"
        return LEAST if coding == "identity" and accepted.find(coding) < 0 else accepted.quality(coding)

    best = max(offered, key=quality)
    return best if quality(best) > 0 else None


async def _compress(response: Response) -> Response:
    if not _is_safe(response):
        return response
    response.vary.add("Accept-Encoding")
    accepted = preferred(request.accept_encodings, ["gzip", "identity"])
    if accepted == "gzip" and (response.content_length or 0) >= AT_LEAST_BYTES:
        page = await response.get_data(as_text=False)
        response.set_data(await asyncio.to_thread(_gzipped, page))
        response.content_encoding = "gzip"
    return response


def _is_safe(response: Response) -> bool:
    """False for a refused form, which repeats what was posted, and for a query, which may be part of the page."""
    return (
        request.endpoint in COMPRESSED
        and response.status_code == HTTPStatus.OK
        and request.method in ("GET", "HEAD")
        and (response.mimetype == "application/json" or not request.query_string)
        and isinstance(response.response, DataBody)
    )


def _gzipped(page: bytes) -> bytes:
    """With a file name of random length in the header, so that lengths reveal less ("heal the BREACH")."""
    name = "a" * (1 + secrets.randbelow(PADDING_BYTES))
    packed = BytesIO()
    with gzip.GzipFile(name, "wb", LEVEL, packed, mtime=0) as file:
        file.write(page)
    return packed.getvalue()
