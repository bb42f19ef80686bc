"""How much of a conversation a model is shown, and whether tools leave it enough room."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from chat.llm.catalogue import ModelSpec
from chat.llm.context import context_of, room_for_input, smaller
from chat.llm.tokens import count_tokens, most_tokens
from chat.llm.tools import Registry
from chat.services.replies import prompt
from chat.settings import Settings

TOOLS_SHARE = 3  # tools that need more than a third of the context are not offered


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one answer of a model may use, in tokens."""

    history: int
    output: int
    tools: bool  # whether they are offered


async def allowance(model: ModelSpec, settings: Settings, tools: Registry, *, context: int | None = None) -> Allowance:
    """From the settings, and the model's context if it is known; `context` is what its server has since reported."""
    output = min(settings.llm_max_output_tokens, model.max_output or settings.llm_max_output_tokens)
    context = smaller(context, context_of(model, settings.catalogue.provider_of(model)))
    if context is None:
        return Allowance(settings.chat_history_tokens, output, model.tools)
    schemas = msgspec.json.encode(tools.schemas()).decode() if model.tools else ""
    said = prompt.instructions(site_name=settings.site_name, tools=model.tools)
    room = room_for_input(context, output)
    if room >= settings.chat_history_tokens + most_tokens(schemas) + most_tokens(said):
        return Allowance(settings.chat_history_tokens, output, model.tools)
    for_tools, for_instructions = await count_tokens([schemas, said])
    offered = model.tools and for_tools <= context // TOOLS_SHARE
    room -= for_instructions + (for_tools if offered else 0)
    return Allowance(max(1, min(settings.chat_history_tokens, room)), min(output, context), offered)
