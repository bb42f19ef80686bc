"""Parsers of environment variables, one per type of setting; each raises ValueError with its complaint."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, NewType
from urllib.parse import urlsplit

from chat.llm.price import Price, PriceList, parse_price
from chat.settings.sign_up import Domains, SignUp
from chat.settings.starters import Starters

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
Origin = NewType("Origin", str)  # scheme and host, no trailing slash
TlsVerify = NewType("TlsVerify", str)  # on, off, or the path of a file with certificates
SENDER = re.compile(r'(?:"?(?P<name>[^"<>]*?)"? *<(?P<address>[^@<>]+@[^@<>]+)>|(?P<alone>[^@<>]+@[^@<>]+))')
MAILBOX = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9.-]+")


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


def _tls_verify(text: str) -> TlsVerify:
    word = text.lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return TlsVerify("on" if word in TRUE_WORDS else "off")
    try:
        ssl.create_default_context(cafile=text)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ValueError(
            f"is {text!r}: set on, off, or the path of a file with certificates ({_reason(error)})"
        ) from None
    return TlsVerify(text)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or "it has none"


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


def _price(part: str) -> tuple[str, Price]:
    model, _, figures = part.rpartition("=")
    try:
        price = parse_price(figures)
    except ValueError as error:
        raise ValueError(f"has {part!r}: {error}") from None
    if not model.strip():
        raise ValueError(f"has {part!r}: write the model before it, like gpt-5={figures}")
    return model.strip(), price


PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _boolean,
    int: _integer,
    str: str,
    Origin: _origin,
    TlsVerify: _tls_verify,
    Sender | None: _sender,
    tuple[str, ...]: _names,
    Decimal | None: _decimal,
    PriceList: _prices,
    Starters: Starters.parse,
    SignUp | None: SignUp.parse,
    Domains: Domains.parse,
}


def parser_of(kind: Any) -> Callable[[str], Any]:
    """The parser of a type of setting. Raises TypeError for a type that has none."""
    if kind not in PARSERS:
        raise TypeError(f"No setting has had the type {kind} before: add its parser to PARSERS in {__name__}")
    return PARSERS[kind]
