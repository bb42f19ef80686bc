"""The response object, with every field that the specification requires."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.devservices.offline_model.create import CreateRequest, Reasoning, TextOptions, ToolSpec

OVER = ("completed", "incomplete", "failed", "cancelled")
UNSET = {  # what was not asked for, at its default
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_logprobs": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "max_tool_calls": None,
    "safety_identifier": None,
    "service_tier": "default",
    "truncation": "disabled",
    "user": None,
}


def asked_fields(request: CreateRequest) -> dict[str, Any]:
    """The fields that repeat the request."""
    return {
        "background": bool(request.background),
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": msgspec.to_builtins(request.reasoning or Reasoning()),
        "store": request.store is not False,
        "text": _text(request.text or TextOptions()),
        "tool_choice": request.tool_choice,
        "tools": [_tool(tool) for tool in request.tools or []],
    }


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"strict": None, "description": None, "parameters": None, **msgspec.to_builtins(tool)}


def _text(options: TextOptions) -> dict[str, Any]:
    given = msgspec.to_builtins(options.format).items()
    return {"format": {name: value for name, value in given if value is not None}}
