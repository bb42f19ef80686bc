"""What stands in a variable, read as the type that its setting has; a reader raises ValueError with its complaint."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
Price = tuple[Decimal, Decimal, Decimal]  # of input, cached input and output, in USD for a million tokens
PriceList = tuple[tuple[str, Price], ...]  # with the start of a model's name
PRICE_DECIMALS = 6  # so that the price of one token has twelve, which is what the database keeps


def _boolean(text: str) -> bool:
    if text.lower() in TRUE_WORDS:
        return True
    if text.lower() in FALSE_WORDS:
        return False
    raise ValueError(f"is {text!r}: say True or False")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"is {text!r}: a whole number is needed") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"is {text!r}: a number is needed")
    return number


def _prices(text: str) -> PriceList:
    return tuple(_price(part) for part in _names(text))


def _price(part: str) -> tuple[str, Price]:
    model, _, figures = part.rpartition("=")
    price = [_decimal(figure) for figure in figures.split("/")]
    if len(price) == 2:  # noqa: PLR2004 - without a price of its own, cached input costs what input costs
        price.insert(1, price[0])
    sound = len(price) == 3 and min(price) >= 0 and all(figure == round(figure, PRICE_DECIMALS) for figure in price)  # noqa: PLR2004
    if not model or not sound:
        raise ValueError(f"has {part!r}: write it like gpt-5=1.25/0.125/10, with at most {PRICE_DECIMALS} decimals")
    return model.strip(), (price[0], price[1], price[2])


PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _boolean,
    int: _integer,
    str: str,
    tuple[str, ...]: _names,
    Decimal | None: _decimal,
    PriceList: _prices,
}
