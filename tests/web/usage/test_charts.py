"""Charts: geometry, labels and summaries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from chat.web.usage.charts import BASE, COUNT, MONEY, SECONDS, TOP, Series, bars, curves, money_words

DAYS = [date(2026, 10, 24) + timedelta(days=day) for day in range(30)]


def test_bars_are_stacked_and_the_highest_reaches_the_top() -> None:
    chart = bars("c", "Calls", DAYS[:2], [Series("fine", [30, 0]), Series("bad", [10, 1], "bad")], COUNT)

    assert [tick.words for tick in chart.ticks] == ["0", "10", "20", "30", "40"]
    fine, bad, little = chart.boxes
    assert (fine.y + fine.height, bad.y) == (BASE, TOP)
    assert bad.y + bad.height == fine.y
    assert little.height > 1
    assert fine.x + fine.width < 50 < little.x
    assert chart.summary == "fine: 30 total; highest on 24 Oct. bad: 11 total; highest on 24 Oct."
    assert chart.rows[0].cells == ["30", "10"]
    assert chart.rows[0].tip == "24 Oct: fine 30, bad 10"


def test_a_month_without_data_is_drawn() -> None:
    chart = bars("c", "Calls", DAYS, [Series("Calls", [0] * 30)], COUNT)

    assert chart.boxes == []
    assert [tick.words for tick in chart.ticks] == ["0", "1"]
    assert chart.summary == "Calls: none."
    assert [words for _, words in chart.labels] == ["24 Oct", "31 Oct", "7 Nov", "14 Nov", "21 Nov"]


def test_a_curve_has_a_gap_for_days_without_a_value() -> None:
    chart = curves("c", "Wait", DAYS[:4], [Series("p50", [100, 300, None, 200])], SECONDS)

    assert [point.before is not None for point in chart.points] == [False, True, False]
    assert [row.cells for row in chart.rows] == [["0.10 s"], ["0.30 s"], ["0.20 s"]]
    assert chart.summary == "p50: 0.10 s to 0.30 s; latest 0.20 s."
    assert curves("c", "Wait", DAYS, [Series("p50", [None] * 30)], SECONDS).summary == "p50: no data."


def test_money_is_exact_in_the_table_and_short_at_the_axis() -> None:
    chart = bars("c", "Cost", DAYS[:3], [Series("Cost", [Decimal("0.00001"), Decimal("1234.5"), Decimal(0)])], MONEY)

    assert chart.rows[0].cells == ["under $0.0001"]
    assert chart.rows[1].cells == ["$1,234.5000"]
    assert [tick.words for tick in chart.ticks] == ["$0", "$500", "$1k", "$1.5k"]
    assert money_words(Decimal(0)) == "$0.0000"


def test_scales_fit_their_largest_value_and_have_few_lines() -> None:
    for exponent in range(-6, 9):
        for digit in (1, 1.01, 2.4, 3, 7, 9.99):
            chart = bars("c", "Cost", DAYS[:1], [Series("Cost", [digit * 10.0**exponent])], MONEY)
            [box] = chart.boxes
            assert TOP <= box.y < BASE
            assert 2 <= len(chart.ticks) <= 6
