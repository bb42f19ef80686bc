"""The usage page: the user's own model requests and their cost."""

from __future__ import annotations

from datetime import UTC, datetime

from quart import Blueprint, render_template, request
from quart.typing import ResponseReturnValue

from chat.models import User
from chat.services.usage import budgets
from chat.services.usage.months import month_from, this_month
from chat.services.usage.report import MonthReport, UsageTotals, month_report
from chat.web.auth import login_required
from chat.web.resources import resources
from chat.web.usage import charts
from chat.web.usage.charts import MONEY, Chart, Series

blueprint = Blueprint("usage", __name__, url_prefix="/usage")


@blueprint.get("/")
@login_required
async def usage(user: User) -> ResponseReturnValue:
    """One month by day, model and chat: `?month=2026-10`, or the current month."""
    month = month_from(request.args.get("month", "")) or this_month()
    report = await month_report(user, month)
    default = resources().settings.llm_monthly_budget
    status = await budgets.status(user.id, default=default) if month == this_month() else None
    return await render_template(
        "usage/usage.html", report=report, budget_status=status, chart=_chart(report), money=charts.money_words
    )


def _chart(report: MonthReport) -> Chart:
    today = datetime.now(UTC).date()
    parts = [report.by_day.get(day, UsageTotals()) if day <= today else None for day in report.days]
    series = [Series("Reported by the provider", [part.cost - part.estimated_cost if part else None for part in parts])]
    if report.total.estimated_cost:
        series.append(Series("Estimated", [part.estimated_cost if part else None for part in parts], "second"))
    return charts.bars("days", "Cost by day", report.days, series, MONEY)
