"""The front page, and what load balancers ask."""

from __future__ import annotations

from quart import Blueprint, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from chat import database
from chat.web.auth import signed_in_user
from chat.web.resources import resources

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
async def landing() -> ResponseReturnValue:
    """What this is, for visitors; users go to their chat."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await render_template("pages/landing.html")


@blueprint.get("/healthz")
async def healthz() -> ResponseReturnValue:
    """The process is up. Says nothing about the database: restarting this would not cure that."""
    return {"status": "ok"}


@blueprint.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """Whether requests should come here: 503 while draining, or without PostgreSQL or Redis."""
    opened = resources()
    checks = {"draining": opened.worker.draining, "database": True, "redis": True}
    try:
        await database.ping()
    except Exception:  # noqa: BLE001 - whatever the driver says, the answer is no
        checks["database"] = False
    try:
        await opened.redis.ping()
    except Exception:  # noqa: BLE001
        checks["redis"] = False
    ready = checks["database"] and checks["redis"] and not checks["draining"]
    return checks | {"status": "ok" if ready else "unavailable"}, 200 if ready else 503
