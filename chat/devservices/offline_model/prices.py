"""The provider's price list: what the offline model writes on its bill."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from chat.devservices.offline_model.usage import Usage

MILLIONTH = -6  # as a power of ten


class Price(msgspec.Struct, frozen=True):
    """Prices in USD for a million tokens."""

    input: Decimal
    cached_input: Decimal
    output: Decimal

    def cost(self, usage: Usage) -> Decimal:
        """USD, exactly: nothing here divides or rounds."""
        millionths = (
            (usage.input_tokens - usage.cached_tokens) * self.input
            + usage.cached_tokens * self.cached_input
            + usage.output_tokens * self.output
        )
        return millionths.scaleb(MILLIONTH)


PRICES = {
    "gpt-6-luna": Price(Decimal("0.1"), Decimal("0.01"), Decimal("0.5")),
    "gpt-5": Price(Decimal("1.25"), Decimal("0.125"), Decimal(10)),
    "gpt-5-nano": Price(Decimal("0.05"), Decimal("0.005"), Decimal("0.4")),
}
LLM_PRICES = ",".join(f"{name}={price.input}/{price.cached_input}/{price.output}" for name, price in PRICES.items())
DATED_NAMES = {  # a request for the one is answered by the other
    "gpt-6-luna": "gpt-6-luna-2026-10-15",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
}


def price_of(model: str) -> Price | None:
    """The price of the longest name that equals the model's, or its beginning before a hyphen."""
    names = [name for name in PRICES if model == name or model.startswith(f"{name}-")]
    return PRICES[max(names, key=len)] if names else None


def written(amount: Decimal) -> str:
    """The amount as a decimal number, without an exponent or zeros at its end."""
    return f"{amount.normalize():f}"
