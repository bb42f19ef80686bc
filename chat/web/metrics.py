"""The metrics of all processes, for who knows the token; without METRICS_TOKEN there is no such page."""

from __future__ import annotations

import hmac

from quart import Blueprint, abort, request
from quart.typing import ResponseReturnValue
from redis.exceptions import RedisError
from werkzeug.exceptions import ServiceUnavailable

from chat.database import DatabaseUnavailable
from chat.services.admin.exposition import CONTENT_TYPE, exposition
from chat.services.replies import queue
from chat.web.resources import resources

blueprint = Blueprint("metrics", __name__)
RETRY_SECONDS = 5


@blueprint.get("/metrics")
async def show() -> ResponseReturnValue:
    """The text format of Prometheus; any process answers for all of them."""
    deps = resources()
    if not deps.settings.metrics_token:
        abort(404)
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {deps.settings.metrics_token}".encode()):
        return "Send the METRICS_TOKEN as a bearer token.\n", 401, {"WWW-Authenticate": "Bearer"}
    try:
        sums, loads = await deps.counts.sums(), await deps.worker_stats.loads()
    except (RedisError, OSError):
        raise ServiceUnavailable(retry_after=RETRY_SECONDS) from None
    text = exposition(sums, loads, queued=await _queued())
    return text, 200, {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}


async def _queued() -> int | None:
    try:
        return await queue.length()
    except DatabaseUnavailable:
        return None
