"""The cost of a call is exact and by the closest price; without a price it is unknown, not zero."""

from __future__ import annotations

import socket
from decimal import Decimal
from fractions import Fraction

import genai_prices
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.llm.catalogue import DEFAULT_MODEL, Catalogue, ModelSpec
from chat.llm.context import context_of
from chat.llm.events import Usage
from chat.llm.price import Price, PriceList, parse_price
from chat.llm.pricing import Prices
from chat.settings.parsing import PARSERS

OWN: PriceList = PARSERS[PriceList]("gpt-5-mini=0.25/0.025/2,gpt-5=1.25/10,my*=1/1,my-large*=3/3,my-large=5/5,free=0/0")
MILLION = Usage(input_tokens=1_000_000)


def cost(model: str, usage: Usage = MILLION, *, base_url: str = "http://localhost/v1") -> Decimal | None:
    return Prices(OWN, base_url=base_url).cost(model, usage)


NAMES = [
    ("gpt-5-mini", Decimal("0.25")),
    ("gpt-5-mini-2025-08-07", Decimal("0.25")),
    ("gpt-5-mini-latest", Decimal("0.25")),
    ("gpt-5-mini-0807", Decimal("0.25")),
    ("gpt-5", Decimal("1.25")),
    ("gpt-5-2025-08-07", Decimal("1.25")),
    ("gpt-5-mini-high", None),  # another model, without a price
    ("gpt-5-nano", None),
    ("gpt-5.1", None),
    ("gpt-50", None),
    ("xgpt-5", None),
    ("GPT-5", None),
    ("my", Decimal(1)),
    ("my-small", Decimal(1)),
    ("my-large", Decimal(5)),  # a full name wins over a prefix
    ("my-large-2025-01-01", Decimal(5)),
    ("my-large-x", Decimal(3)),  # the longest wins
    ("m", None),
    ("", None),
    ("free", Decimal(0)),
]


@pytest.mark.parametrize(("model", "price"), NAMES)
def test_the_closest_name_gives_the_price(model: str, price: Decimal | None) -> None:
    assert cost(model) == price


@pytest.mark.parametrize("names", [("my-large", "my-large*"), ("my-large*", "my-large")])
def test_the_order_of_the_list_does_not_matter(names: tuple[str, str]) -> None:
    price = {"my-large": parse_price("5/5"), "my-large*": parse_price("3/3")}
    prices = Prices(tuple((name, price[name]) for name in names))
    assert prices.cost("my-large", MILLION) == 5


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000, reasoning_tokens=90_000)
    assert cost("gpt-5-mini", usage) == Decimal("0.6") * Decimal("0.25") + Decimal("0.4") * Decimal("0.025") + Decimal(
        "0.2"
    )
    assert cost("gpt-5", usage) == Decimal("1.25") + 1  # no separate price for cache writes: as input


def test_more_cached_tokens_than_input_are_never_a_discount() -> None:
    assert cost("gpt-5-mini", Usage(input_tokens=10, cached_tokens=10**6)) == 10 * Decimal("0.025") / 1_000_000


tokens = st.integers(0, 10**9)
figures = st.decimals(0, 1000, places=6, allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(counts=st.tuples(tokens, tokens, tokens, tokens), price=st.builds(Price, figures, figures, figures, figures))
def test_costs_are_exact(counts: tuple[int, int, int, int], price: Price) -> None:
    given_tokens, cached, written, output = counts
    usage = Usage(input_tokens=given_tokens, cached_tokens=cached, cache_write_tokens=written, output_tokens=output)
    amount = Prices((("x", price),)).cost("x", usage)
    cached = min(cached, given_tokens)
    written = min(written, given_tokens - cached)
    parts = zip((given_tokens - cached - written, cached, written, output), price, strict=True)
    assert isinstance(amount, Decimal)
    assert Fraction(amount) == sum((count * Fraction(one) for count, one in parts), Fraction()) / 1_000_000
    assert amount.as_tuple().exponent == -12


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini-2025-08-07", "o4-mini", "gpt-4.1-nano"])
def test_the_built_in_list_knows_the_provider_s_models(model: str) -> None:
    amount = Prices().cost(model, Usage(input_tokens=1000, output_tokens=1000))
    assert isinstance(amount, Decimal)
    assert 0 < amount < 1
    assert Prices().knows(model)


def test_the_built_in_list_matches_the_provider() -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=1_000_000)
    assert Prices().cost("gpt-5-mini", usage) == Decimal("0.15") + Decimal("0.01") + 2
    assert Prices().cost("gpt-5-mini", usage) == Prices(OWN).cost("gpt-5-mini", usage)


def test_own_prices_take_precedence() -> None:
    assert Prices((("gpt-5-mini", parse_price("7/7")),)).cost("gpt-5-mini", MILLION) == 7


@pytest.mark.parametrize("model", ["gpt-99-giga", "", "nothing", "gpt-5-mini\x00"])
def test_the_cost_of_an_unknown_model_is_unknown_and_not_zero(model: str) -> None:
    assert Prices().cost(model, Usage(input_tokens=1000)) is None
    assert Prices().cost(model, Usage()) is None
    assert not Prices().knows(model)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8001/v1", "https://llm.example.com/v1", "nonsense"])
def test_another_servers_models_have_the_configured_prices(base_url: str) -> None:
    assert Prices(base_url=base_url).cost("gpt-5", MILLION) is None
    assert cost("gpt-5", base_url=base_url) == Decimal("1.25")


def test_cache_writes_cost_what_cache_writes_cost() -> None:
    usage = Usage(input_tokens=100_000, cached_tokens=20_000, cache_write_tokens=30_000)
    prices = Prices((("a", parse_price("1/0.1/1.25/5")),))
    assert prices.cost("a", usage) == Decimal("0.05") + Decimal("0.002") + Decimal("0.0375")
    assert Prices().cost("gpt-6-luna", usage) == Decimal("0.005") + Decimal("0.0002") + Decimal("0.00375")


def test_the_highest_cost_is_that_of_a_cache_write() -> None:
    prices = Prices((("a", parse_price("1/0.1/1.25/5")), ("b", parse_price("1/2/1/5"))))
    size = {"input_tokens": 1_000_000, "max_output_tokens": 100_000}
    assert [prices.highest_cost(name, **size) for name in ("a", "b", "unknown")] == [
        Decimal("1.75"),
        Decimal("2.5"),
        None,
    ]


def test_a_price_of_the_catalogue_takes_precedence() -> None:
    spec = ModelSpec(name="mine", id="gpt-5", provider="openai", label="Mine", price=parse_price("3/3"))
    prices = Prices(OWN, catalogue=Catalogue(providers=Catalogue.single().providers, models=(spec,)))
    assert prices.cost("mine", MILLION, answered="gpt-5-mini") == 3


def test_cache_writes_do_not_make_the_cost_unknown() -> None:
    usage = Usage(input_tokens=1000, cached_tokens=100, cache_write_tokens=500, output_tokens=10)
    plain = Usage(input_tokens=1000, cached_tokens=100, output_tokens=10)
    assert cost("gpt-5-mini", usage) == cost("gpt-5-mini", plain)
    assert Prices().cost("gpt-5-mini", usage) == Prices().cost("gpt-5-mini", plain)


@settings(max_examples=100, deadline=None)
@given(st.builds(Usage, input_tokens=tokens, cached_tokens=tokens, cache_write_tokens=tokens, output_tokens=tokens))
def test_no_reported_usage_breaks_the_built_in_list(usage: Usage) -> None:
    amount = Prices().cost("gpt-5-mini", usage)
    assert amount is None or amount >= 0


def test_no_price_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the price list called home")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    assert Prices().knows("gpt-5")
    assert not Prices().knows("gpt-99")
    assert genai_prices.data_snapshot.get_snapshot().from_auto_update is False


def test_the_default_model_has_a_price_and_a_context_in_the_built_in_list() -> None:
    """When it fails: the model was removed or renamed, and `DEFAULT_MODEL` needs a successor (docs/models.md)."""
    assert Prices().knows(DEFAULT_MODEL)
    [provider] = Catalogue.single().providers
    assert context_of(Catalogue.single().default, provider)
