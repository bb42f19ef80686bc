"""How many tokens a request may have: a model's input and output share its context."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from genai_prices import data_snapshot

from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec
from chat.llm.journal import Plan
from chat.llm.provider.provider import OPENAI_BASE_URL
from chat.llm.tokens import count_tokens, most_tokens

OUTPUT_SHARE = 4  # a quarter of the context, or the output limit if that is less, is kept free of input
LEAST_OUTPUT_SHARE = 8  # if less than an eighth is left, the provider says that the input is too long
LEAST_OUTPUT_TOKENS = 16  # OpenAI refuses less
# Tokens are counted with one encoding; other models need up to an eighth more, and their chat templates add some.
OTHER_ENCODINGS, TEMPLATE_TOKENS = 8, 64


def context_of(model: ModelSpec, provider: ProviderSpec) -> int | None:
    """The model's context in tokens, from the catalogue or the list of genai-prices; None: unknown."""
    return model.context or _listed_context(model.id, provider.base_url or OPENAI_BASE_URL)


def with_contexts(catalogue: Catalogue) -> Catalogue:
    """The catalogue with all contexts that are known."""
    models = (replace(model, context=context_of(model, catalogue.provider_of(model))) for model in catalogue.models)
    return replace(catalogue, models=tuple(models))


def smaller(one: int | None, other: int | None) -> int | None:
    """The smaller of two contexts, either of which may be unknown."""
    return min((tokens for tokens in (one, other) if tokens), default=None)


def room_for_input(context: int, max_output_tokens: int) -> int:
    """How many tokens, counted here, leave room for the answer."""
    reserved = min(max_output_tokens, context // OUTPUT_SHARE)
    return max(0, (context - reserved - TEMPLATE_TOKENS) * OTHER_ENCODINGS // (OTHER_ENCODINGS + 1))


def room_for_output(context: int, max_output_tokens: int, input_tokens: int) -> int:
    """How many tokens may be written after this input, which is counted here."""
    read = input_tokens * (OTHER_ENCODINGS + 1) // OTHER_ENCODINGS + TEMPLATE_TOKENS
    least = max(LEAST_OUTPUT_TOKENS, context // LEAST_OUTPUT_SHARE)
    return min(max_output_tokens, max(context - read, least))


async def fitted(plan: Plan, context: int | None) -> Plan:
    """The plan, with an output limit that fits into the context after its input."""
    wanted = plan.request.max_output_tokens
    if context is None or room_for_output(context, wanted, most_tokens(plan.sent_text)) == wanted:
        return plan
    [input_tokens] = await count_tokens([plan.sent_text])
    fitting = room_for_output(context, wanted, input_tokens)
    return msgspec.structs.replace(plan, request=msgspec.structs.replace(plan.request, max_output_tokens=fitting))


def _listed_context(model_id: str, base_url: str) -> int | None:
    try:
        _, listed = data_snapshot.get_snapshot().find_provider_model(model_id, None, None, base_url)
    except LookupError:
        return None
    return listed.context_window
