"""The models that a program can call and the providers that serve them, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chat.llm.price import Price

DEFAULT_MODEL = "gpt-6-luna"
PROVIDER_NAME_MAX_LENGTH = 40
NEVER_REASON = re.compile(r"(^|/)(gpt-3\.5|gpt-4|chatgpt-4o|gpt-5-chat)")  # ids, also behind a gateway's prefix
_REASONS = re.compile(r"(?:.*/)?(?:gpt-(?:[5-9]|\d{2})(?!.*chat)|o\d)")
OPENAI = "openai"  # the name of the provider without a base URL


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A server of the Responses API. Logs, the usage ledger and prices know it by its name."""

    name: str
    base_url: str = ""  # empty: OpenAI's
    api_key: str = field(default="", repr=False)
    key_env: str = ""  # the name of the variable with the key
    reuse_connections: bool = True
    leave_out: frozenset[str] = frozenset()  # words of provider/request.py; its models have them too


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model at a provider. Rows, forms and prices know it by its name; the provider knows it by its id."""

    name: str
    id: str
    provider: str  # the provider's name
    label: str  # shown to users
    context: int | None = None  # tokens; None: unknown
    max_output: int | None = None  # tokens; None: unknown
    vision: bool = False
    tools: bool = True
    reasoning: bool | None = None  # None: unknown
    leave_out: frozenset[str] = frozenset()  # words of provider/request.py: what it or its provider refuses or ignores
    price: Price | None = None  # None: from the price lists
    fallback: tuple[str, ...] = ()  # names of models to try if this one can't be used
    hidden: bool = False  # not offered to users

    @property
    def may_reason(self) -> bool:
        """Whether to ask for its reasoning: unless it is known to have none, since OpenAI refuses that."""
        return not NEVER_REASON.search(self.id) if self.reasoning is None else self.reasoning

    @property
    def reasons(self) -> bool:
        """Whether it is known to reason: by the catalogue, or else by the ids that OpenAI uses."""
        return bool(_REASONS.match(self.id)) if self.reasoning is None else self.reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All models, the default one first, and their providers."""

    providers: tuple[ProviderSpec, ...]
    models: tuple[ModelSpec, ...]
    title_model: str = ""  # the name of the model for titles; empty: the default one

    @classmethod
    def single(
        cls,
        *,
        api_key: str = "",
        key_env: str = "",
        base_url: str = "",
        models: tuple[str, ...] = (DEFAULT_MODEL,),
        title_model: str = "",
    ) -> Catalogue:
        """One provider whose models have their ids as names."""
        provider = ProviderSpec(
            name=provider_name(base_url),
            base_url=base_url,
            api_key=api_key,
            key_env=key_env,
            reuse_connections=reuses_connections(base_url),
        )
        offered = [ModelSpec(name=name, id=name, provider=provider.name, label=name) for name in dict.fromkeys(models)]
        if title_model and title_model not in models:
            offered.append(
                ModelSpec(name=title_model, id=title_model, provider=provider.name, label=title_model, hidden=True)
            )
        return cls(providers=(provider,), models=tuple(offered), title_model=title_model)

    @property
    def default(self) -> ModelSpec:
        return self.models[0]

    @property
    def offered(self) -> tuple[ModelSpec, ...]:
        """The models that users can choose."""
        return tuple(model for model in self.models if not model.hidden)

    @property
    def for_titles(self) -> ModelSpec:
        return self.resolve(self.title_model)

    def find(self, name: str) -> ModelSpec | None:
        return next((model for model in self.models if model.name == name), None)

    def resolve(self, name: str) -> ModelSpec:
        """The model with this name; the default one if there is none, like one that was removed since it was chosen."""
        return self.find(name) or self.default

    def named(self, name: str) -> ModelSpec:
        """The model with this name. An unknown name is taken as an id at the default model's provider."""
        return self.find(name) or ModelSpec(name=name, id=name, provider=self.default.provider, label=name)

    def provider_of(self, model: ModelSpec) -> ProviderSpec:
        return next(provider for provider in self.providers if provider.name == model.provider)


def reuses_connections(base_url: str) -> bool:
    """The default: over plain http a new connection is cheap, and llama.cpp closes the old one after each stream."""
    return not base_url.startswith("http://")


def provider_name(base_url: str) -> str:
    """The name of a provider that was given none: its host."""
    return (urlsplit(base_url).hostname or OPENAI)[:PROVIDER_NAME_MAX_LENGTH] if base_url else OPENAI
