"""The overview: requests, errors, latency and cost of the last thirty days, today and now."""

from __future__ import annotations

from collections.abc import Sequence

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services.admin import overview
from chat.services.admin.overview import Overview, Percentiles
from chat.web.auth import staff_required
from chat.web.resources import resources
from chat.web.usage import charts
from chat.web.usage.charts import COUNT, MONEY, SECONDS, Chart, Series

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@staff_required
async def index(_: User) -> ResponseReturnValue:
    """Figures and charts, recent sign-ups, and the tools that the model can call."""
    opened = resources()
    found = await overview.overview(opened.settings)
    return await render_template(
        "admin/index.html",
        overview=found,
        load=await opened.worker_stats.total(),
        charts=_charts(found),
        recent=await overview.recent_users(),
        tools=opened.tools.tools,
        words={"money": charts.money_words, "seconds": charts.seconds_words},
    )


def _charts(found: Overview) -> list[Chart]:
    replies = Series("Replies", [day.replies for day in found.totals])
    errors = Series("Errors", [day.errors for day in found.totals], "bad")
    cost = Series("Cost", [day.cost for day in found.totals])
    first_token = [day.first_token for day in found.latencies]
    duration = [day.duration for day in found.latencies]
    return [
        charts.bars("replies", "Replies", found.days, [replies], COUNT),
        charts.bars("errors", "Errors", found.days, [errors], COUNT),
        charts.bars("cost", "Cost", found.days, [cost], MONEY),
        charts.curves("first", "Time to first token", found.days, _percentiles(first_token), SECONDS),
        charts.curves("duration", "Request duration", found.days, _percentiles(duration), SECONDS),
    ]


def _percentiles(days: Sequence[Percentiles]) -> list[Series]:
    return [
        Series("Median (p50)", [day.p50 for day in days]),
        Series("95th percentile (p95)", [day.p95 for day in days], "second"),
    ]
