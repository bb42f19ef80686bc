"""The cost of a call in USD: by the site's own price list, or by the list of the genai-prices package."""

from __future__ import annotations

import logging
import re
from decimal import Decimal

import genai_prices
from msgspec.structs import replace

from chat.llm.catalogue import Catalogue
from chat.llm.events import Usage
from chat.llm.price import Price, PriceList
from chat.llm.provider.provider import OPENAI_BASE_URL

MILLION = Decimal(1_000_000)
EXACT = Decimal("1e-12")  # a price per token has at most this many decimals
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")

logger = logging.getLogger(__name__)


class Prices:
    """The prices of a catalogue's models. `own` takes precedence: exact names, names without a date, or `prefix*`."""

    def __init__(self, own: PriceList = (), *, base_url: str = "", catalogue: Catalogue | None = None) -> None:
        self._own = dict(own)
        self._catalogue = catalogue or Catalogue.single(base_url=base_url)
        self._told: set[str] = set()  # models whose unknown price was logged

    def knows(self, model: str) -> bool:
        """Whether this model has a price."""
        return self.cost(model, Usage()) is not None

    def cost(self, name: str, usage: Usage, *, answered: str = "") -> Decimal | None:
        """The exact cost of one call of the model with this name; None if the price is unknown.

        The catalogue's price comes first. Otherwise it is the price of the model that answered, or of the requested
        one: some servers rename models.
        """
        requested = self._catalogue.named(name)
        if requested.price:
            return _cost_at(requested.price, usage)
        api_url = self._catalogue.provider_of(requested).base_url or OPENAI_BASE_URL
        for model in dict.fromkeys((answered or name, name, requested.id)):
            price = self._own_price(model)
            cost = self._listed_cost(model, usage, api_url) if price is None else _cost_at(price, usage)
            if cost is not None:
                return cost
        if usage.total_tokens and requested.name not in self._told:
            self._told.add(requested.name)
            logger.warning("The price of the model %s is unknown, so its cost is not counted", requested.name)
        return None

    def highest_cost(self, name: str, *, input_tokens: int, max_output_tokens: int) -> Decimal | None:
        """The most that a call of this size can cost: a cache write can cost more than input, and a read as well."""
        plain = Usage(input_tokens=input_tokens, output_tokens=max_output_tokens)
        usages = (plain, replace(plain, cache_write_tokens=input_tokens), replace(plain, cached_tokens=input_tokens))
        costs = [self.cost(name, usage) for usage in usages]
        return None if costs[0] is None else max(cost for cost in costs if cost is not None)

    def _own_price(self, model: str) -> Price | None:
        matching = [name for name in self._own if _stands_for(name, model)]
        return self._own[max(matching, key=_closeness)] if matching else None

    def _listed_cost(self, model: str, usage: Usage, api_url: str) -> Decimal | None:
        cached = min(usage.cached_tokens, usage.input_tokens)
        counted = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=cached,
            cache_write_tokens=min(usage.cache_write_tokens, usage.input_tokens - cached) or None,
            output_tokens=usage.output_tokens,
        )
        try:
            price = genai_prices.calc_price(counted, model, provider_api_url=api_url)
        except LookupError:
            return None
        except ValueError as error:  # counts that contradict each other
            logger.warning("The cost of a call of %s is unknown: %s", model, error)
            return None
        return price.total_price.quantize(EXACT)


def _stands_for(name: str, model: str) -> bool:
    if name.endswith("*"):
        return model.startswith(name[:-1])
    return model.startswith(name) and (model == name or _DATED.fullmatch(model, len(name)) is not None)


def _closeness(name: str) -> tuple[int, bool]:
    """The longest match wins; a full name wins over a prefix."""
    return len(name.removesuffix("*")), not name.endswith("*")


def _cost_at(price: Price, usage: Usage) -> Decimal:
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    plain = usage.input_tokens - cached - written
    cost = plain * price.input + cached * price.cached + written * price.write + usage.output_tokens * price.output
    return (cost / MILLION).quantize(EXACT)
