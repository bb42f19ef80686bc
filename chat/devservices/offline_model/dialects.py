"""The offline model's dialects: the real API's, or a minimal compatible server's."""

from __future__ import annotations

from typing import Any

from chat.devservices.offline_model import shapes
from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError, refuse_reasoning
from chat.devservices.offline_model.prices import DATED_NAMES
from chat.devservices.offline_model.usage import Usage

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "error")
_DONE = b"data: [DONE]\n\n"
_DETAILS = ("input_tokens_details", "output_tokens_details")


class Dialect:
    """The real API."""

    name = ""  # of the server whose errors it sends; OpenAI's if empty
    keeps_responses = True  # they can be retrieved and cancelled

    def check(self, request: CreateRequest) -> None:
        """Raise InvalidRequestError for what every real server takes and this one does not."""

    def model(self, asked: str) -> str:
        """The name that answers: the real API includes the model's version."""
        return DATED_NAMES.get(asked, asked)

    def headers(self, number: int) -> dict[str, str]:
        return {"x-request-id": f"req_offline{number:06}"}

    def usage(self, usage: Usage) -> dict[str, Any]:
        return usage.as_reported()

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        """The event on the wire; nothing if this server does not send it."""
        return shapes.frame({"type": event["type"], "sequence_number": sequence, **event})


class PlainDialect(Dialect):
    """A minimal compatible server."""

    keeps_responses = False

    def check(self, request: CreateRequest) -> None:
        if request.background:
            raise InvalidRequestError("Unsupported parameter: 'background'.", "background", "unsupported_parameter")
        refuse_reasoning(request)

    def model(self, asked: str) -> str:
        return asked

    def headers(self, number: int) -> dict[str, str]:
        return {}

    def usage(self, usage: Usage) -> dict[str, Any]:
        return {name: value for name, value in usage.as_reported().items() if name not in _DETAILS}

    def frame(self, event: dict[str, Any], sequence: int) -> bytes:
        kind = event["type"]
        if kind in _TERMINAL:
            return shapes.frame(event) + _DONE
        if kind == "response.in_progress":
            return shapes.frame(shapes.unknown_event())
        called = kind == "response.output_item.done" and event["item"]["type"] == "function_call"
        return shapes.frame(event) if called or kind in (*_TEXT, shapes.UNKNOWN_TYPE) else b""
