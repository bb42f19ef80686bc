"""A models file made of what is configured and what the providers offer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec, provider_name, reuses_connections
from chat.llm.discovery import NoList, OfferedModel
from chat.llm.price import Price

Listings = Mapping[ProviderSpec, Sequence[OfferedModel] | NoList]


def stub(catalogue: Catalogue, listings: Listings) -> str:
    """The text of a models file; models that are not configured are commented out."""
    catalogue, listings = _with_local(catalogue, listings)
    lines = [
        "# Made by `chat models --write`: remove what you don't need. docs/models.md explains each key.",
        f"default_model = {_text(catalogue.default.name)}",
    ]
    if catalogue.title_model:
        lines.append(f"title_model = {_text(catalogue.title_model)}")
    for provider in catalogue.providers:
        lines += ["", "[[provider]]", *_provider(provider)]
    for provider, listing in listings.items():
        offered = {} if isinstance(listing, NoList) else {model.id: model for model in listing}
        configured = [model for model in catalogue.models if model.provider == provider.name]
        for model in configured:
            seen = isinstance(listing, NoList) or model.id in offered
            note = [] if seen else ["# not offered by this provider"]
            lines += ["", *note, "[[model]]", *_configured(model, offered.get(model.id))]
        taken = {model.id for model in configured}
        for found in (model for model in offered.values() if model.id not in taken):
            lines += ["", *(f"# {line}" for line in ("[[model]]", *_offered(found, provider)))]
    return "\n".join(lines) + "\n"


def _with_local(catalogue: Catalogue, listings: Listings) -> tuple[Catalogue, Listings]:
    """The only provider is called local if it is a server on this machine that was given no name."""
    (provider, *others) = catalogue.providers
    host = urlsplit(provider.base_url).hostname or ""
    on_this_machine = host in ("localhost", "::1") or host.startswith("127.")
    if others or not on_this_machine or provider.name != provider_name(provider.base_url):
        return catalogue, listings
    local = replace(provider, name="local")
    models = tuple(replace(model, provider=local.name) for model in catalogue.models)
    return replace(catalogue, providers=(local,), models=models), {local: listings[provider]}


def _provider(provider: ProviderSpec) -> Iterator[str]:
    yield f"name = {_text(provider.name)}"
    if provider.base_url:
        yield f"base_url = {_text(provider.base_url)}"
    if provider.key_env:
        yield f"key_env = {_text(provider.key_env)}"
    if provider.reuse_connections != reuses_connections(provider.base_url):
        yield f"reuse_connections = {_flag(provider.reuse_connections)}"
    if provider.leave_out:
        yield f"leave_out = {_list(sorted(provider.leave_out))}"


def _configured(model: ModelSpec, found: OfferedModel | None) -> Iterator[str]:
    yield f"id = {_text(model.id)}"
    yield f"provider = {_text(model.provider)}"
    yield f"name = {_text(model.name)}"
    if model.label != model.name:
        yield f"label = {_text(model.label)}"
    yield from _abilities(
        context=model.context or (found.context if found else None),
        max_output=model.max_output or (found.max_output if found else None),
        vision=model.vision or bool(found and found.vision),
        tools=model.tools,
        price=model.price or (found.price if found else None),
    )
    if model.reasoning is not None:
        yield f"reasoning = {_flag(model.reasoning)}"
    if model.leave_out:
        yield f"leave_out = {_list(sorted(model.leave_out))}"
    if model.fallback:
        yield f"fallback = {_list(model.fallback)}"
    if model.hidden:
        yield "hidden = true"


def _offered(found: OfferedModel, provider: ProviderSpec) -> Iterator[str]:
    yield f"id = {_text(found.id)}"
    yield f"provider = {_text(provider.name)}"
    yield from _abilities(
        context=found.context,
        max_output=found.max_output,
        vision=bool(found.vision),
        tools=found.tools is not False,
        price=found.price,
    )


def _abilities(
    *, context: int | None, max_output: int | None, vision: bool, tools: bool, price: Price | None
) -> Iterator[str]:
    if context:
        yield f"context = {context}"
    if max_output and not (context and max_output >= context):
        yield f"max_output = {max_output}"
    if vision:
        yield "vision = true"
    if not tools:
        yield "tools = false"
    if price:
        yield f"price = {_text(str(price))}"


def _text(text: str) -> str:
    """A TOML string: a JSON string, with the non-ASCII control characters of terminals escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08X}" for one in quoted)


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, words))}]"


def _flag(value: bool) -> str:
    return str(value).lower()
