"""The front page, and the health checks."""

from __future__ import annotations

from quart import Blueprint, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from chat.web.auth import signed_in_user
from chat.web.resources import resources

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
async def landing() -> ResponseReturnValue:
    """Presents the site to visitors; users are sent to their chat."""
    if await signed_in_user():
        return redirect(url_for("chat.new_thread"), 303)
    return await render_template("pages/landing.html")


@blueprint.get("/healthz")
async def healthz() -> ResponseReturnValue:
    """Whether the process is up; the database does not count, since restarting the process would not fix it."""
    return {"status": "ok"}


@blueprint.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """Whether to route requests here: 503 while draining, or without PostgreSQL or Redis."""
    opened = resources()
    found = await opened.readiness.stores() | {"draining": opened.worker.draining}
    ready = found["database"] and found["redis"] and not found["draining"]
    providers = {
        name: "ok" if up else "down" for name, up in opened.llm.providers_up().items()
    }  # the same for every process
    return found | {"status": "ok" if ready else "unavailable", "providers": providers}, 200 if ready else 503
