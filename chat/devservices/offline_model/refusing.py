"""What a script makes the server refuse: by name, by a field of the request, or by a limit."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.devservices.offline_model.create import CreateRequest
from chat.devservices.offline_model.http import ProblemError
from chat.devservices.offline_model.oddities import NAMES
from chat.devservices.offline_model.problems import problem, unsupported
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.usage import input_tokens

CONTEXT_TOKENS = 400_000  # as large models have
MAX_OUTPUT_TOKENS = 128_000
CODES = {400: "invalid_value", 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def refuse(script: Script, create: CreateRequest, body: bytes, like: str) -> None:
    """Raise ProblemError if the script says so, and ValueError for a problem that it does not know."""
    if script.odd and script.odd not in NAMES:
        raise ValueError(f"the offline script: {script.odd!r} is not one of {', '.join(sorted(NAMES))}")
    if script.status:
        _refuse_by_status(script)
    tokens = input_tokens(create)
    values = {"model": create.model, "tokens": tokens, "asked": create.max_output_tokens or 0}
    if script.problem:
        name, _, other = script.problem.partition(".")
        raise problem(name, other or like, **values, limit=script.context or script.max_output or tokens // 2)
    for field in script.refused_fields:
        if _has(msgspec.json.decode(body), field):
            raise unsupported(field, like, **values)
    if tokens > (context := script.context or CONTEXT_TOKENS):
        raise problem("context", like or "llamacpp", **values, limit=context)
    if (create.max_output_tokens or 0) > (most := script.max_output or MAX_OUTPUT_TOKENS):
        raise problem("max_output", like, **values, limit=most)


def _refuse_by_status(script: Script) -> None:
    code = script.code or CODES.get(script.status)
    headers = {} if script.retry_after is None else {"retry-after": f"{script.retry_after:g}"}
    message = f"The offline model was told to answer {script.status}."
    raise ProblemError(script.status, message, code=code, headers=headers)


def _has(body: dict[str, Any], field: str) -> bool:
    """Whether the request contains what the word of `ModelRequest.leave_out` names."""
    items = body["input"] if isinstance(body["input"], list) else []
    if field == "history.reasoning":
        return any(item.get("type") == "reasoning" for item in items)
    if field == "history.tools":
        turn = max((place for place, item in enumerate(items) if item.get("role") == "user"), default=0)
        return any(item.get("type") in ("function_call", "function_call_output") for item in items[:turn])
    value: Any = body
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value not in (None, [], {}, "")
