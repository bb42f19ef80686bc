"""What an operator can do about each failure of a model, for the log and the admin."""

from __future__ import annotations

from chat.llm.events import Code

ADVICE: dict[Code, str] = {
    Code.RATE_LIMITED: "The provider limits requests or tokens per minute: raise the limit there, or set a fallback.",
    Code.QUOTA_EXCEEDED: "Add credit at the provider, or raise the limit of the key.",
    Code.OVERLOADED: "The server is busy or still loading the model. Give it more slots, or set a fallback.",
    Code.UNREACHABLE: "Check that the server is running and that its address, port and certificate are correct.",
    Code.PROVIDER_ERROR: "See the log of the model's server for the cause.",
    Code.BAD_REQUEST: "The error says what was refused. If it is part of requests, add it to the model's leave_out.",
    Code.CONTEXT_TOO_LONG: "Set the model's context in the models file, or start its server with a larger context.",
    Code.OUTPUT_LIMIT: "Lower LLM_MAX_OUTPUT_TOKENS, or set the model's max_output in the models file.",
    Code.TOOLS_UNSUPPORTED: "Set tools = false for the model, or start its server with tool calls enabled.",
    Code.UNAUTHORIZED: "Check the API key: it may be mistyped, revoked or for another provider.",
    Code.FORBIDDEN: "Give the API key access to this model and to the Responses API, or use another region.",
    Code.MODEL_NOT_FOUND: "Compare the model's id with `chat models`; it may have been shut down.",
    Code.WRONG_API: "Check the base URL: with /responses added, it must be a Responses API without a login page.",
    Code.MODERATED: "The provider's content filter blocked the input. Change its settings at the provider.",
    Code.CONTENT_FILTER: "The provider's content filter stopped the output. Change its settings at the provider.",
    Code.AMBIGUOUS: "No answer arrived. Check proxy timeouts, LLM_TIMEOUT_SECONDS and the server's log.",
    Code.CUT: "The answer was cut off. Check proxy timeouts, LLM_TIMEOUT_SECONDS and the server's log.",
}
