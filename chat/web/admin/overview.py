"""How the site is doing, at a glance."""

from __future__ import annotations

from collections.abc import Callable

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services.admin import overview
from chat.services.admin.overview import Overview, Waits
from chat.web.auth import staff_required
from chat.web.resources import resources
from chat.web.usage import charts
from chat.web.usage.charts import COUNT, MONEY, SECONDS, Chart, Series

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@staff_required
async def index(_: User) -> ResponseReturnValue:
    """Thirty days and today, in figures and pictures, what runs now, and what the model may call."""
    opened = resources()
    found = await overview.overview()
    return await render_template(
        "admin/index.html",
        overview=found,
        loads=await opened.presence.everywhere(),
        charts=_charts(found),
        recent=await overview.recent_users(),
        tools=opened.tools.tools,
        words={"money": charts.money_words, "seconds": charts.seconds_words},
    )


def _charts(found: Overview) -> list[Chart]:
    fine = Series("Replies", [day.replies for day in found.sums])
    errors = Series("Errors", [day.errors for day in found.sums], "bad")
    cost = Series("Known cost", [day.cost for day in found.sums])
    return [
        charts.bars("replies", "Replies", found.days, [fine], COUNT),
        charts.bars("errors", "Calls that ended in an error", found.days, [errors], COUNT),
        charts.bars("cost", "Known cost", found.days, [cost], MONEY),
        charts.curves("first", "Until the first token", found.days, _waits(found, lambda day: day.first), SECONDS),
        charts.curves("whole", "Until the end of a call", found.days, _waits(found, lambda day: day.whole), SECONDS),
    ]


def _waits(found: Overview, part: Callable[[Waits], overview.Wait]) -> list[Series]:
    waits = [part(day) for day in found.waits]
    return [
        Series("half stay under (p50)", [wait.median for wait in waits]),
        Series("95 of 100 stay under (p95)", [wait.most for wait in waits], "second"),
    ]
