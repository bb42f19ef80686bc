"""A model's price, and how settings and the models file write it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

MAX_DECIMALS = 6  # per million tokens: a single token's price then fits the twelve decimals of the database
MOST = 1_000_000
# By the number of figures: which are input, cached, write and output.
FORMS = {2: (0, 0, 0, 1), 3: (0, 1, 0, 2), 4: (0, 1, 2, 3)}


class Price(NamedTuple):
    """USD per million tokens."""

    input: Decimal
    cached: Decimal  # of input that is read from the provider's cache
    write: Decimal  # of input that is written to it
    output: Decimal

    def __str__(self) -> str:
        """As it is written in settings and in the models file, in the shortest form that means the same."""
        figures: tuple[Decimal, ...] = self
        if self.write == self.input:
            figures = (self.input, self.output) if self.cached == self.input else (self.input, self.cached, self.output)
        return "/".join(f"{figure.normalize():f}" for figure in figures)


PriceList = tuple[tuple[str, Price], ...]  # by name of the model


def parse_price(text: str) -> Price:
    """`input/output`, `input/cached/output` or `input/cached/write/output`. Raises ValueError.

    What is not given costs what input costs.
    """
    try:
        figures = [Decimal(figure) for figure in text.split("/")]
    except InvalidOperation:
        figures = []
    if len(figures) not in FORMS or not all(_is_sound(figure) for figure in figures):
        raise ValueError(f"write it like 1.25/0.125/10, at most {MOST:,} and with at most {MAX_DECIMALS} decimals")
    return Price(*(figures[place] for place in FORMS[len(figures)]))


def _is_sound(figure: Decimal) -> bool:
    return figure.is_finite() and 0 <= figure <= MOST and figure == round(figure, MAX_DECIMALS)
