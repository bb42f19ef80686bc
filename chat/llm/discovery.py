"""A provider's list of models: `GET /models`, with limits on size and time, in the formats of several servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import httpx2

from chat.llm.catalogue import ProviderSpec
from chat.llm.price import MAX_DECIMALS, Price, parse_price
from chat.llm.provider.provider import OPENAI_BASE_URL

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
MAX_BYTES = 8 * 1024 * 1024  # OpenRouter's list has 1 MB
MAX_MODELS = 5_000
MAX_TEXT = 200  # characters of an id or an address
MILLION = 1_000_000
UNAUTHORIZED = (401, 403)
# Where servers report a number of tokens: llama.cpp, vLLM, OpenRouter, and gateways.
CONTEXT = (("meta", "n_ctx"), ("max_model_len",), ("context_length",), ("context_window",), ("max_context_length",))
MAX_OUTPUT = (("top_provider", "max_completion_tokens"), ("max_output_tokens",), ("max_completion_tokens",))
MODALITIES = (("architecture", "input_modalities"), ("input_modalities",), ("modalities",), ("capabilities",))
IMAGES = {"image", "vision", "multimodal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedModel:
    """A model in a provider's list; None: the provider does not say."""

    id: str
    context: int | None = None
    max_output: int | None = None
    vision: bool | None = None
    tools: bool | None = None
    price: Price | None = None


class NoList(Exception):
    """The provider gives no list of models; the sentence says why, and contains no secret."""


async def offered_models(provider: ProviderSpec, *, total_seconds: float = TOTAL_SECONDS) -> list[OfferedModel]:
    """In the provider's order. Raises NoList."""
    try:
        async with asyncio.timeout(total_seconds):
            body = await _fetched(provider)
    except TimeoutError:
        raise NoList(f"did not answer within {total_seconds:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NoList(f"can't be reached: {shown(str(error)) or type(error).__name__}") from None
    return _read(body)


async def _fetched(provider: ProviderSpec) -> bytes:
    url = f"{provider.base_url or OPENAI_BASE_URL}/models"
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if provider.api_key:
        headers["Authorization"] = f"Bearer {provider.api_key}"
    timeout = httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    async with (
        httpx2.AsyncClient(timeout=timeout, follow_redirects=False) as http,
        http.stream("GET", url, headers=headers) as response,
    ):
        _check_head(response, provider)
        body = b""
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_BYTES:
                raise NoList(f"answered with more than {MAX_BYTES // MILLION} MB")
        return body


def _check_head(response: httpx2.Response, provider: ProviderSpec) -> None:
    status = response.status_code
    if status in UNAUTHORIZED:
        which = f"the key in {provider.key_env}" if provider.key_env else "requests without a key"
        raise NoList(f"rejects {which} (HTTP {status})")
    if response.is_redirect:
        raise NoList(f"redirects to {_without_secrets(response.headers.get('location', ''))} (HTTP {status})")
    if status == httpx2.codes.NOT_FOUND:
        raise NoList("has no list of models at this address (HTTP 404)")
    if not response.is_success:
        raise NoList(f"answered with HTTP {status}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoList("compressed its answer, although it was asked not to")


def _read(body: bytes) -> list[OfferedModel]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        what = "a page of HTML" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise NoList(f"answered with {what} instead of a list of models") from None
    if isinstance(told, dict):
        told = next((told[key] for key in ("data", "models") if told.get(key) is not None), None)
    if not isinstance(told, list):
        raise NoList("answered with JSON that is not a list of models")
    models = [_model(entry) for entry in told[:MAX_MODELS] if isinstance(entry, dict)]
    unique = {model.id: model for model in reversed(models) if model.id}
    return list(reversed(unique.values()))


def _model(entry: dict[str, Any]) -> OfferedModel:
    parameters = entry.get("supported_parameters")
    modalities = next((found for path in MODALITIES if (found := _words(_at(entry, path)))), None)
    return OfferedModel(
        id=shown(entry.get("id") or entry.get("name") or entry.get("model")),
        context=_tokens(entry, CONTEXT),
        max_output=_tokens(entry, MAX_OUTPUT),
        vision=None if modalities is None else bool(modalities & IMAGES),
        tools="tools" in parameters if isinstance(parameters, list) else None,
        price=_price(entry.get("pricing")),
    )


def _at(entry: dict[str, Any], path: Iterable[str]) -> Any:
    found: Any = entry
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _words(value: Any) -> set[str]:
    return {word for word in value if isinstance(word, str)} if isinstance(value, list) else set()


def _tokens(entry: dict[str, Any], paths: Iterable[tuple[str, ...]]) -> int | None:
    found = (_at(entry, path) for path in paths)
    return next((count for count in found if type(count) is int and 0 < count < MILLION * 100), None)


def _price(pricing: Any) -> Price | None:
    """OpenRouter reports USD per token, as text; -1 means that the price depends on the model that is chosen later."""
    if not isinstance(pricing, dict):
        return None
    given, output = pricing.get("prompt"), pricing.get("completion")
    cached, write = pricing.get("input_cache_read") or given, pricing.get("input_cache_write") or given
    try:
        figures = [round(Decimal(str(figure)) * MILLION, MAX_DECIMALS) for figure in (given, cached, write, output)]
        return parse_price("/".join(f"{figure:f}" for figure in figures))
    except (InvalidOperation, ValueError):
        return None


def _without_secrets(location: str) -> str:
    """Scheme, host and path of a redirect: the rest may hold a session or a password."""
    try:
        parts = urlsplit(location)
        return shown(f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path) or "nowhere"
    except ValueError:
        return "an address that is none"


def shown(text: Any) -> str:
    """A server's text for a terminal: bounded, and without control characters."""
    if not isinstance(text, str):
        return ""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text.strip()[:MAX_TEXT])
