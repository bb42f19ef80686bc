"""The dialects of real servers: what each of them refuses, leaves out, and does differently.

Taken from recorded answers, the servers' sources, and reports of their users.
"""

from __future__ import annotations

from typing import Any

from chat.devservices.offline_model import input_checks, shapes
from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError
from chat.devservices.offline_model.dialects import (
    BAD_REQUEST,
    Dialect,
    PlainDialect,
    StrictDialect,
    ignoring,
    without,
)
from chat.devservices.offline_model.http import ProblemError
from chat.devservices.offline_model.usage import Usage

UNPROCESSABLE = 422
_BEGINNINGS = ("response.created", "response.in_progress")
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_PLACES = ("sequence_number", "output_index", "content_index", "summary_index")


Checks = tuple[input_checks.Check, ...]


class OpenAIDialect(Dialect):
    """OpenAI: items need no type, and errors in a stream are flat."""

    name = "openai"
    checks: Checks = (
        input_checks.check_parts, input_checks.check_names, input_checks.check_ids, input_checks.check_outputs,
    )  # fmt: skip
    knows_parameters = True

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        if event["type"] == "error":
            event = {"type": "error", **without(event["error"], "type")}
        return super().frame(renamed(event), sequence)


class AzureDialect(OpenAIDialect):
    """Azure: every item needs its type, and an answer all that an output has."""

    name = "azure"
    checks = (input_checks.check_types, *OpenAIDialect.checks, input_checks.check_answers)

    def headers(self, number: int) -> dict[str, str]:
        return {"apim-request-id": f"{number:032x}", **super().headers(number)}


class LlamaCppDialect(Dialect):
    """llama.cpp: events have no numbers, and a cut answer is "completed"."""

    name = "llamacpp"
    keeps_responses = False
    checks = (input_checks.check_types, input_checks.check_arguments)

    def check(self, request: CreateRequest, body: dict[str, Any]) -> None:
        if request.previous_response_id:
            raise InvalidRequestError("llama.cpp does not support 'previous_response_id'.")
        super().check(request, body)

    def understood(self, request: CreateRequest) -> CreateRequest:
        return ignoring(request, "background", "text", "include", "prompt_cache_key")

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        message = "Cannot determine type of 'item'" if "Supported values are: 'message'" in str(error) else str(error)
        body = {"error": {"code": BAD_REQUEST, "message": message, "type": "invalid_request_error"}}
        return ProblemError.of(BAD_REQUEST, body)

    def model(self, asked: str) -> str:
        return asked

    def headers(self, number: int) -> dict[str, str]:
        return {}

    def usage(self, usage: Usage) -> dict[str, Any]:
        return without(usage.as_reported(), "output_tokens_details")

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        event = without(renamed(event), *_PLACES)
        if event["type"] in _BEGINNINGS:
            event["response"] = {name: event["response"][name] for name in ("id", "object", "status")}
        elif event["type"] in _ENDS[:2]:
            names = ("id", "object", "created_at", "model", "output", "usage")
            ended = {name: event["response"][name] for name in names}
            if event["type"] == "response.incomplete":
                ended["usage"] = {**ended["usage"], "output_tokens": event["response"]["max_output_tokens"]}
            event = {"type": "response.completed", "response": {**ended, "status": "completed"}}
        elif event["type"] == "response.function_call_arguments.done":
            return b""
        return shapes.frame(event)


class VllmDialect(Dialect):
    """vLLM: null for all that is absent, no names of events, and raw reasoning."""

    name = "vllm"
    checks: Checks = (input_checks.check_types, input_checks.check_answers, input_checks.check_arguments)

    def understood(self, request: CreateRequest) -> CreateRequest:
        return ignoring(request, "prompt_cache_key")

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        message = f"1 validation error:\n  {{'type': 'value_error', 'loc': ('body', 'input'), 'msg': {str(error)!r}}}"
        body = {"error": {"message": message, "type": "Bad Request", "param": None, "code": BAD_REQUEST}}
        return ProblemError.of(BAD_REQUEST, body)

    def model(self, asked: str) -> str:
        return asked

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        event = renamed(event)
        if "response" in event:
            event = {**event, "response": {**event["response"], "text": None, "reasoning": None, "user": None}}
        if "item" in event:
            absent = {"reasoning": {"encrypted_content": None}, "message": {"phase": None}}
            event = {**event, "item": {**absent.get(event["item"]["type"], {}), **event["item"]}}
        return b"data: %b\n\n" % shapes.encoded({**event, "sequence_number": sequence})


class OllamaDialect(Dialect):
    """Ollama: nothing is stored, and names of models come back as they were asked."""

    name = "ollama"
    keeps_responses = False
    checks: Checks = (input_checks.check_types, input_checks.check_arguments)

    def understood(self, request: CreateRequest) -> CreateRequest:
        return ignoring(request, "background", "include", "prompt_cache_key", "metadata")

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        body = {"error": {"message": str(error), "type": "invalid_request_error", "param": None, "code": None}}
        return ProblemError.of(BAD_REQUEST, body)

    def model(self, asked: str) -> str:
        return asked

    def headers(self, number: int) -> dict[str, str]:
        return {}

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        return super().frame(renamed(event), sequence)


class DeepSeekDialect(OllamaDialect):
    """DeepSeek: nothing is stored, and a tool call comes back with the reasoning before it."""

    name = "deepseek"
    checks = (input_checks.check_types, input_checks.check_names, input_checks.check_arguments)
    requires_reasoning = True

    def understood(self, request: CreateRequest) -> CreateRequest:
        return ignoring(request, "background", "prompt_cache_key")

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        missing = "without its required 'reasoning' item" in str(error)
        message = (
            "The reasoning_content in the thinking mode must be passed back to the API." if missing else str(error)
        )
        code = "invalid_request_error"
        return ProblemError.of(BAD_REQUEST, {"error": {"message": message, "type": code, "param": None, "code": code}})


class TransformersDialect(VllmDialect):
    """transformers serve: it refuses every field that it has no use for, all of them in one sentence."""

    name = "transformers"
    keeps_responses = False
    checks = ()
    unused = ("background", "include", "previous_response_id", "prompt", "service_tier", "store", "text", "tool_choice",
              "truncation", "user")  # fmt: skip

    def check(self, request: CreateRequest, body: dict[str, Any]) -> None:
        if unused := [name for name in self.unused if name in body]:
            raise InvalidRequestError(f"Unsupported fields in the request: {{{', '.join(map(repr, unused))}}}")

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        return ProblemError.of(UNPROCESSABLE, {"detail": str(error)})


DIALECTS: dict[str, type[Dialect]] = {
    "strict": StrictDialect,
    "plain": PlainDialect,
    "openai": OpenAIDialect,
    "azure": AzureDialect,
    "llamacpp": LlamaCppDialect,
    "vllm": VllmDialect,
    "ollama": OllamaDialect,
    "deepseek": DeepSeekDialect,
    "transformers": TransformersDialect,
}


def renamed(event: dict[str, Any]) -> dict[str, Any]:
    """The event by the name that most servers use for reasoning in the model's words."""
    kind = event["type"]
    if kind in (f"{shapes.RAW}.delta", f"{shapes.RAW}.done"):
        return {**event, "type": kind.replace(shapes.RAW, shapes.RAW_TEXT)}
    return event
