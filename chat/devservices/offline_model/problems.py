"""Errors of real servers, word for word: the values of the `problem` word, and what each server says."""

from __future__ import annotations

from typing import Any

from chat.devservices.offline_model import shapes
from chat.devservices.offline_model.http import ProblemError

Body = dict[str, Any]


def _openai(message: str, kind: str, code: str | None, param: str | None = None) -> Body:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _plain(message: str, code: int, kind: str = "invalid_request_error", **more: Any) -> Body:
    return {"error": {"code": code, "message": message, "type": kind, **more}}


# {model}, {asked}, {tokens} and {limit} are filled in. A name is followed by the server whose words they are.
PROBLEMS: dict[str, tuple[int, Body]] = {
    "key": (
        401,
        _openai("Incorrect API key provided: wrong. You can find your API key in your account's settings.",
                "invalid_request_error", "invalid_api_key"),
    ),
    "key.azure": (
        401,
        {"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint. "
                   "Make sure to provide a valid key for an active subscription."}},
    ),
    "key.llamacpp": (401, _plain("Invalid API Key", 401, "authentication_error")),
    "key.vllm": (401, {"error": "Unauthorized"}),
    "quota": (
        429,
        _openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota",
                "insufficient_quota"),
    ),
    "quota.deepseek": (402, _openai("Insufficient Balance", "unknown_error", "invalid_request_error")),
    "quota.openrouter": (402, {"error": {"code": 402, "message": "Insufficient credits. Add more credits."}}),
    "rate": (
        429,
        _openai("Rate limit reached for {model} on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. "
                "Please try again in 2s.", "tokens", "rate_limit_exceeded"),
    ),
    "rate.litellm": (
        429, _openai("litellm.RateLimitError: RateLimitError: this is a rate limit error", "throttling_error", "429")
    ),
    "model": (
        404,
        _openai("The model `{model}` does not exist or you do not have access to it.", "invalid_request_error",
                "model_not_found"),
    ),
    "model.azure": (
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
    ),
    "model.vllm": (404, _plain("The model `{model}` does not exist.", 404, "NotFoundError", param="model")),
    "model.ollama": (404, _openai("model '{model}' not found", "not_found_error", None)),
    "model.deepseek": (400, _openai("Model Not Exist", "invalid_request_error", "invalid_request_error")),
    "overloaded": (
        503,
        _openai("The server is currently overloaded with other requests. Sorry about that! You can retry your "
                "request.", "server_error", None),
    ),
    "overloaded.llamacpp": (503, _plain("Loading model", 503, "unavailable_error")),
    "overloaded.anthropic": (
        529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    ),
    "moderated": (
        400,
        _openai("Your input was flagged as potentially violating our usage policy. Please try again with a different "
                "prompt.", "invalid_request_error", "invalid_prompt"),
    ),
    "moderated.azure": (
        400,
        {"error": {"message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
                   "management policy. Please modify your prompt and retry.", "type": None, "param": "prompt",
                   "code": "content_filter", "status": 400,
                   "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}}},
    ),
    "moderated.openrouter": (
        403,
        {"error": {"code": 403, "message": "{model} requires moderation. Your input was flagged",
                   "metadata": {"reasons": ["violence"], "flagged_input": "…"}}},
    ),
    "region": (
        403,
        _openai("Country, region, or territory not supported", "request_forbidden",
                "unsupported_country_region_territory"),
    ),
    "context": (
        400,
        _openai("Your input exceeds the context window of this model. Please adjust your input and try again.",
                "invalid_request_error", "context_length_exceeded", "input"),
    ),
    "context.llamacpp": (
        400,
        _plain("request ({tokens} tokens) exceeds the available context size ({limit} tokens), try increasing it", 400,
               "exceed_context_size_error", n_prompt_tokens="{tokens}", n_ctx="{limit}"),
    ),
    "context.vllm": (
        400,
        _plain("This model's maximum context length is {limit} tokens. However, your request has {tokens} input "
               "tokens. Please reduce the length of the input messages.", 400, "BadRequestError", param=None),
    ),
    "context.litellm": (
        400,
        _openai("litellm.BadRequestError: litellm.ContextWindowExceededError: litellm.BadRequestError: this is a "
                "context window exceeded error", "invalid_request_error", "400"),
    ),
    "max_output": (
        400,
        _openai("Invalid 'max_output_tokens': integer above maximum value. Expected a value <= {limit}, but got "
                "{asked} instead.", "invalid_request_error", "integer_above_max_value", "max_output_tokens"),
    ),
    "max_output.vllm": (
        400,
        _plain("'max_tokens' or 'max_completion_tokens' is too large: {asked}. This model's maximum context length is "
               "{limit} tokens and your request has {tokens} input tokens ({asked} > {limit} - {tokens}).", 400,
               "BadRequestError", param=None),
    ),
    "max_output.deepseek": (
        400,
        _openai("Invalid max_tokens value, the valid range of max_tokens is [1, {limit}]", "invalid_request_error",
                "invalid_request_error"),
    ),
    "reasoning.summary": (
        400,
        _openai("Your organization must be verified to generate reasoning summaries. If you just verified, it can "
                "take up to 15 minutes for access to propagate.", "invalid_request_error", "unsupported_value",
                "reasoning.summary"),
    ),
    "tools": (400, _openai("'tools' is not supported with this model.", "invalid_request_error",
                           "unsupported_parameter", "tools")),
    "tools.llamacpp": (500, _plain("tools param requires --jinja flag", 500, "server_error")),
    "tools.vllm": (
        400,
        _plain('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', 400,
               "BadRequestError", param=None),
    ),
    "tools.ollama": (400, _openai("registry.local/library/{model} does not support tools", "api_error", None)),
    "tools.openrouter": (404, {"error": {"code": 404, "message": "No endpoints found that support tool use."}}),
    "max_output_tokens": (
        400,
        _openai("Unsupported parameter: max_output_tokens", "invalid_request_error", "unsupported_parameter",
                "max_output_tokens"),
    ),
    "history.reasoning": (
        400,
        _openai("The encrypted content gAAA... could not be verified. Reason: Encrypted content could not be "
                "decrypted or parsed.", "invalid_request_error", "invalid_encrypted_content"),
    ),
    "history.reasoning.llamacpp": (400, _plain("item['content'] is not an array", 400)),
}  # fmt: skip


def problem(name: str, like: str = "", **values: Any) -> ProblemError:
    """The error of that name, as the server `like` says it, or else OpenAI. Raises ValueError for an unknown name."""
    found = PROBLEMS.get(f"{name}.{like}") or PROBLEMS.get(name)
    if found is None:
        raise ValueError(f"the offline script: {name!r} is not one of {', '.join(sorted(PROBLEMS))}")
    status, body = found
    return ProblemError.of(status, _filled(body, values))


def unsupported(field: str, like: str = "", **values: Any) -> ProblemError:
    """The error for a field that the server does not take."""
    if field in PROBLEMS:
        return problem(field, like, **values)
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    return ProblemError.of(400, shapes.problem(400, message, code="unsupported_parameter", param=field))


def _filled(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(part, values) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, values) for part in value]
    if not isinstance(value, str):
        return value
    for name, filling in values.items():
        if value == f"{{{name}}}":  # alone: a number stays one
            return filling
        value = value.replace(f"{{{name}}}", str(filling))
    return value
