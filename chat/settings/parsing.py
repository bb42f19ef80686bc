"""Parsers of environment variables, one per type of setting; each raises ValueError with its complaint."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, NewType
from urllib.parse import urlsplit

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
PriceList = tuple[tuple[str, tuple[Decimal, Decimal, Decimal]], ...]  # model=input/cached/output
Origin = NewType("Origin", str)  # scheme and host, no trailing slash
SENDER = re.compile(r'(?:"?(?P<name>[^"<>]*?)"? *<(?P<address>[^@<>]+@[^@<>]+)>|(?P<alone>[^@<>]+@[^@<>]+))')
MAILBOX = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9.-]+")
PRICE_DECIMALS = 6  # per million tokens: a single token's price then fits the twelve decimals of the database


class Sender(NamedTuple):
    """The sender of emails."""

    name: str
    address: str


def _boolean(text: str) -> bool:
    if text.lower() in TRUE_WORDS:
        return True
    if text.lower() in FALSE_WORDS:
        return False
    raise ValueError(f"is {text!r}: set True or False")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"is {text!r}: set a whole number") from None


def _origin(text: str) -> Origin:
    parts = urlsplit(text.rstrip("/"))
    if not parts.netloc or parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError(f"is {text!r}: write it like https://chat.example.com, without a path")
    return Origin(text.rstrip("/"))


def _sender(text: str) -> Sender:
    found = SENDER.fullmatch(text)
    address = found["address"] or found["alone"] if found else ""
    if found is None or not MAILBOX.fullmatch(address) or not text.isprintable():
        raise ValueError(f"is {text!r}: write it like Chat <noreply@example.com>")
    return Sender((found["name"] or "").strip(), address)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"is {text!r}: set a number")
    return number


def _prices(text: str) -> PriceList:
    return tuple(_price(part) for part in _names(text))


def _price(part: str) -> tuple[str, tuple[Decimal, Decimal, Decimal]]:
    model, _, figures = part.rpartition("=")
    price = [_decimal(figure) for figure in figures.split("/")]
    if len(price) == 2:  # noqa: PLR2004 - cached input costs what input costs unless it has its own price
        price.insert(1, price[0])
    sound = len(price) == 3 and min(price) >= 0 and all(figure == round(figure, PRICE_DECIMALS) for figure in price)  # noqa: PLR2004
    if not model or not sound:
        raise ValueError(f"has {part!r}: write it like gpt-5=1.25/0.125/10, with at most {PRICE_DECIMALS} decimals")
    return model.strip(), (price[0], price[1], price[2])


PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _boolean,
    int: _integer,
    str: str,
    Origin: _origin,
    Sender | None: _sender,
    tuple[str, ...]: _names,
    Decimal | None: _decimal,
    PriceList: _prices,
}


def parser_of(kind: Any) -> Callable[[str], Any]:
    """The parser of a type of setting. Raises TypeError for a type that has none."""
    if kind not in PARSERS:
        raise TypeError(f"No setting has had the type {kind} before: add its parser to PARSERS in {__name__}")
    return PARSERS[kind]
