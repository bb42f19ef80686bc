"""Charts of consecutive days. Horizontal positions are percentages and heights are pixels, so text keeps its size.

This is the geometry; `templates/_charts.html` draws it, without style attributes, which the site's policy forbids.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

HEIGHT, TOP, BASE = 184, 12, 156  # pixels: the whole, the highest value, zero
BAR_SHARE = 0.72  # of a day's width; the rest is a gap
LEAST_BAR = 1.5  # pixels, so that a small value can be seen
LABEL_EVERY = 7
INTERVALS = 4
STEPS = (1, 2, 2.5, 5, 10)
LEAST_MONEY = Decimal("0.0001")

Value = int | float | Decimal | None  # None: no data


@dataclass(frozen=True, slots=True)
class Unit:
    """How a value is written: `exact` in tables and tooltips, `short` at the axis, whose smallest step is `least`."""

    exact: Callable[[int | float | Decimal], str]
    short: Callable[[float], str]
    least: float


@dataclass(frozen=True, slots=True)
class Series:
    """A name and a value for each day; `ink` is one of the classes of charts.css."""

    name: str
    values: Sequence[Value]
    ink: str = "first"


@dataclass(frozen=True, slots=True)
class Tick:
    """A horizontal line with its label."""

    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Box:
    """A segment of a bar."""

    x: float
    y: float
    width: float
    height: float
    ink: str


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a curve; `before` is the previous day's point, if that day has a value."""

    x: float
    y: float
    ink: str
    before: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ChartDay:
    """One day: its part of the width, its name and its values as text."""

    x: float
    width: float
    name: str
    cells: list[str]
    tip: str  # the tooltip


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    id: str
    title: str
    series: Sequence[Series]
    ticks: list[Tick]
    labels: list[tuple[float, str]]
    rows: list[ChartDay]
    summary: str = ""
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    height: int = HEIGHT
    base: int = BASE


def bars(chart_id: str, title: str, days: Sequence[date], series: Sequence[Series], unit: Unit) -> Chart:
    """One bar per day, with its series stacked."""
    sums = [sum(float(one.values[day] or 0) for one in series) for day in range(len(days))]
    scale = _scale(max(sums, default=0), unit.least)
    boxes: list[Box] = []
    for day in range(len(days)):
        below = 0.0
        for one in series:
            value = float(one.values[day] or 0)
            if value > 0:
                boxes.append(_box(day, len(days), below, value, scale[1], one.ink))
                below += value
    summary = " ".join(_total(one, days, unit) for one in series)
    return replace(_frame(chart_id, title, days, series, unit, scale), summary=summary, boxes=boxes)


def curves(chart_id: str, title: str, days: Sequence[date], series: Sequence[Series], unit: Unit) -> Chart:
    """One curve per series, with gaps for days without a value."""
    scale = _scale(max((float(value) for one in series for value in one.values if value), default=0), unit.least)
    points = [point for one in series for point in _points(one, scale[1])]
    summary = " ".join(_range(one, unit) for one in series)
    return replace(_frame(chart_id, title, days, series, unit, scale), summary=summary, points=points)


def count_words(value: float | Decimal) -> str:
    """1,234"""
    return f"{value:,}"


def money_words(value: float | Decimal) -> str:
    """USD with four decimals: most answers cost less than a cent."""
    return "under $0.0001" if 0 < value < LEAST_MONEY else f"${value:,.4f}"


def seconds_words(value: float | Decimal) -> str:
    """Milliseconds as seconds."""
    return f"{float(value) / 1000:,.2f} s"


def _short_count(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _short_money(value: float) -> str:
    return f"${_short_count(value)}" if value >= 1 or not value else f"${value:.5f}".rstrip("0")


COUNT = Unit(count_words, _short_count, least=1)
MONEY = Unit(money_words, _short_money, least=0.0001)
SECONDS = Unit(seconds_words, lambda value: f"{value / 1000:g} s", least=1)


def _frame(
    chart_id: str, title: str, days: Sequence[date], series: Sequence[Series], unit: Unit, scale: tuple[float, float]
) -> Chart:
    """The chart without its bars or curves."""
    (step, top), width = scale, 100 / max(len(days), 1)
    ticks = [Tick(_y(number * step, top), unit.short(number * step)) for number in range(round(top / step) + 1)]
    labels = [(round((day + 0.5) * width, 3), _day(days[day])) for day in range(0, len(days), LABEL_EVERY)]
    rows = [
        _row(day * width, width, date, series, [one.values[day] for one in series], unit)
        for day, date in enumerate(days)
        if any(one.values[day] is not None for one in series)
    ]
    return Chart(chart_id, title, series, ticks, labels, rows)


def _scale(largest: float, least: float) -> tuple[float, float]:
    """A round step, and its first multiple that is not below the largest value."""
    rough = max(largest / INTERVALS, least)
    power = 10.0 ** math.floor(math.log10(rough))
    fitting = [step * power for step in STEPS if step * power >= rough * (1 - 1e-9)]
    step = next(one for one in fitting if least < 1 or one == int(one))
    return step, step * max(math.ceil(largest / step - 1e-9), 1)


def _y(value: float, top: float) -> float:
    return round(BASE - (BASE - TOP) * value / top, 2)


def _box(day: int, days: int, below: float, value: float, top: float, ink: str) -> Box:
    width = 100 / days
    low = _y(below, top)
    height = max(low - _y(below + value, top), LEAST_BAR)
    x = (day + (1 - BAR_SHARE) / 2) * width
    return Box(round(x, 3), round(low - height, 2), round(width * BAR_SHARE, 3), round(height, 2), ink)


def _points(one: Series, top: float) -> list[Point]:
    width, points = 100 / max(len(one.values), 1), []
    before: tuple[float, float] | None = None
    for day, value in enumerate(one.values):
        if value is None:
            before = None
            continue
        place = (round((day + 0.5) * width, 3), _y(float(value), top))
        points.append(Point(*place, one.ink, before))
        before = place
    return points


def _row(x: float, width: float, day: date, series: Sequence[Series], values: Sequence[Value], unit: Unit) -> ChartDay:
    cells = ["no data" if value is None else unit.exact(value) for value in values]
    said = cells if len(series) == 1 else [f"{one.name} {cell}" for one, cell in zip(series, cells, strict=True)]
    return ChartDay(round(x, 3), round(width, 3), _day(day), cells, f"{_day(day)}: {', '.join(said)}")


def _total(one: Series, days: Sequence[date], unit: Unit) -> str:
    """The gist of the chart, for screen readers."""
    values = [value or 0 for value in one.values]
    highest = max(values, default=0)
    if not highest:
        return f"{one.name}: none."
    return f"{one.name}: {unit.exact(sum(values))} total; highest on {_day(days[values.index(highest)])}."


def _range(one: Series, unit: Unit) -> str:
    values = [value for value in one.values if value is not None]
    if not values:
        return f"{one.name}: no data."
    return f"{one.name}: {unit.exact(min(values))} to {unit.exact(max(values))}; latest {unit.exact(values[-1])}."


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
