"""`chat models`: what each provider offers, beside what is configured."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator

from chat.cli.models_stub import stub
from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec
from chat.llm.context import context_of
from chat.llm.discovery import NoList, OfferedModel, offered_models
from chat.llm.pricing import Prices
from chat.settings import Settings, SettingsError
from chat.text import printable

LEGEND = "✓ offered · ✗ not offered · ? no list · - offered and not configured\n"
LISTED = 20  # models that are not configured, without --all

Listing = list[OfferedModel] | NoList


def models(arguments: argparse.Namespace) -> int:
    """Print the comparison, or a models file. 1 if a provider gives no list or lacks a configured model."""
    settings = _settings()
    catalogue = settings.catalogue
    listings = dict(zip(catalogue.providers, asyncio.run(_ask(catalogue)), strict=True))
    if arguments.write:
        sys.stdout.write(stub(catalogue, listings))
        failures = [(provider, listing) for provider, listing in listings.items() if isinstance(listing, NoList)]
        sys.stderr.write("".join(f"{printable(f'{provider.name} {listing}')}.\n" for provider, listing in failures))
        return 1 if failures else 0
    prices = Prices(settings.llm_prices, catalogue=catalogue)
    for provider, listing in listings.items():
        lines = _described(provider, listing, catalogue, prices, every=arguments.all)
        sys.stdout.write("\n".join(map(printable, lines)) + "\n\n")  # servers choose the names of their models
    sys.stdout.write(LEGEND)
    return 0 if all(_is_fine(provider, listing, catalogue) for provider, listing in listings.items()) else 1


def _settings() -> Settings:
    """Only what concerns models has to be right."""
    settings = Settings.from_environment({**os.environ, "DEBUG": "True"})
    if not (settings.declared_models or settings.openai_api_key or settings.openai_base_url):
        raise SettingsError(
            [
                "OPENAI_API_KEY is not set, and neither is MODELS_FILE: there is no provider to ask. "
                "Without them, make run answers with its own model"
            ]
        )
    return settings


async def _ask(catalogue: Catalogue) -> list[Listing]:
    return await asyncio.gather(*(_listing(provider) for provider in catalogue.providers))


async def _listing(provider: ProviderSpec) -> Listing:
    try:
        return await offered_models(provider)
    except NoList as error:
        return error


def _is_fine(provider: ProviderSpec, listing: Listing, catalogue: Catalogue) -> bool:
    if isinstance(listing, NoList):
        return False
    offered = {model.id for model in listing}
    return all(model.id in offered for model in catalogue.models if model.provider == provider.name)


def _described(
    provider: ProviderSpec, listing: Listing, catalogue: Catalogue, prices: Prices, *, every: bool
) -> Iterator[str]:
    """The lines about one provider."""
    yield f"{provider.name} ({provider.base_url or 'OpenAI'})"
    if isinstance(listing, NoList):
        yield f"  {provider.name} {listing}."
    offered = {} if isinstance(listing, NoList) else {model.id: model for model in listing}
    configured = [model for model in catalogue.models if model.provider == provider.name]
    for model in configured:
        yield f"  {_configured(model, provider, listing, offered.get(model.id), prices)}"
    others = [model for model in offered.values() if model.id not in {model.id for model in configured}]
    for one in others if every else others[:LISTED]:
        yield f"  - {' · '.join((one.id, *_facts(one)))}"
    if len(others) > LISTED and not every:
        yield f"  {len(others) - LISTED} more: chat models --all"


def _configured(
    model: ModelSpec, provider: ProviderSpec, listing: Listing, found: OfferedModel | None, prices: Prices
) -> str:
    """A line about a configured model: its name, what is configured, and what differs on the server."""
    context = context_of(model, provider)
    facts = [model.name if model.name == model.id else f"{model.name} ({model.id})"]
    if isinstance(listing, list) and found is None:
        facts.append("not offered by this provider")
    if found and found.context and found.context != context:
        facts.append(f"context {found.context:,} on the server, {f'{context:,}' if context else 'unknown'} here")
    elif context:
        facts.append(f"context {context:,}")
    if found and found.vision is not None and found.vision != model.vision:
        facts.append("reads images, but vision is not set" if found.vision else "reads no images, but vision is set")
    if found and found.tools is False and model.tools:
        facts.append("no tools on the server: set tools = false")
    facts.append("price known" if prices.knows(model.name) else "price unknown")
    mark = "?" if isinstance(listing, NoList) else "✓" if found else "✗"
    return f"{mark} {' · '.join(facts)}"


def _facts(model: OfferedModel) -> Iterator[str]:
    if model.context:
        yield f"context {model.context:,}"
    if model.vision:
        yield "images"
    if model.tools:
        yield "tools"
    if model.price:
        yield f"${model.price}"
