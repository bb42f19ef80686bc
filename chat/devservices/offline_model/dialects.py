"""How a server speaks: what it refuses, and what it leaves out. The default is the specification, as strict as any."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.devservices.offline_model import input_checks, shapes
from chat.devservices.offline_model.create import (
    CreateRequest,
    InvalidRequestError,
    check_parameters,
    input_items,
    refuse_reasoning,
)
from chat.devservices.offline_model.http import ProblemError
from chat.devservices.offline_model.prices import DATED_NAMES
from chat.devservices.offline_model.usage import Usage

BAD_REQUEST = 400
_TEXT = ("response.output_text.delta", "response.refusal.delta")
TERMINAL = ("response.completed", "response.incomplete", "response.failed", "error")
_DONE = b"data: [DONE]\n\n"
_DETAILS = ("input_tokens_details", "output_tokens_details")


class Dialect:
    """The specification, and the rules of all strict servers together."""

    name = ""  # of the server whose errors it sends; OpenAI's if empty
    keeps_responses = True  # they can be retrieved and cancelled
    checks: tuple[input_checks.Check, ...] = input_checks.ALL
    knows_parameters = False  # it refuses a create with a parameter that it does not know
    requires_reasoning = False  # a tool call must come back with the reasoning before it

    def check(self, request: CreateRequest, body: dict[str, Any]) -> None:
        """Raise InvalidRequestError for what this server refuses."""
        if self.knows_parameters:
            check_parameters(body)
        if isinstance(request.input, list):
            for check in self.checks:
                check(input_items(request))

    def understood(self, request: CreateRequest) -> CreateRequest:
        """The request without what this server ignores."""
        return request

    def refusal(self, error: InvalidRequestError) -> ProblemError:
        """The answer to a request that is not valid, as this server writes it."""
        return ProblemError(BAD_REQUEST, str(error), code=error.code, param=error.param)

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


class StrictDialect(Dialect):
    """The default."""

    knows_parameters = True


class PlainDialect(Dialect):
    """A minimal compatible server."""

    name = "plain"
    keeps_responses = False

    def check(self, request: CreateRequest, body: dict[str, Any]) -> None:
        super().check(request, body)
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
        if kind in TERMINAL:
            return shapes.frame(event) + _DONE
        if kind == "response.in_progress":
            return shapes.frame(shapes.unknown_event())
        called = kind == "response.output_item.done" and event["item"]["type"] == "function_call"
        return shapes.frame(event) if called or kind in (*_TEXT, shapes.UNKNOWN_TYPE) else b""


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name not in names}


def ignoring(request: CreateRequest, *names: str) -> CreateRequest:
    """The request as if these fields were not set."""
    return msgspec.structs.replace(request, **dict.fromkeys(names))
