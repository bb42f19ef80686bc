"""What an operator can do about each failure of a model, for the log and the admin."""

from __future__ import annotations

from chat.llm.events import Code

ADVICE: dict[Code, str] = {
    Code.RATE_LIMITED: "The provider limits requests or tokens per minute: raise the limit there, or set a fallback.",
    Code.QUOTA_EXCEEDED: "Add credit at the provider, or raise the limit of the key.",
    Code.OVERLOADED: "The server is busy or still loads the model. Give it more slots, or set a fallback.",
    Code.UNREACHABLE: "Check that the server runs and that its address, port and certificate are right.",
    Code.PROVIDER_ERROR: "The cause is in the log of the model's server.",
    Code.BAD_REQUEST: "The error says what was refused: name it in the model's leave_out, if it is a part of requests.",
    Code.CONTEXT_TOO_LONG: "Set the model's context in the models file, or start its server with a larger one.",
    Code.OUTPUT_LIMIT: "Lower LLM_MAX_OUTPUT_TOKENS, or set max_output of the model in the models file.",
    Code.TOOLS_UNSUPPORTED: "Set tools = false for the model, or start its server with tool calls enabled.",
    Code.UNAUTHORIZED: "Check the API key: it may be mistyped, revoked or another provider's.",
    Code.FORBIDDEN: "Give the API key access to this model and to the Responses API, or use another region.",
    Code.MODEL_NOT_FOUND: "Compare the model's id with `chat models`; it may have been shut down.",
    Code.WRONG_API: "Check the base URL: behind it, /responses has to be the Responses API, without a login.",
    Code.MODERATED: "The provider's content filter blocked the input. Its settings are at the provider.",
    Code.CONTENT_FILTER: "The provider's content filter stopped the output. Its settings are at the provider.",
    Code.AMBIGUOUS: "No answer came. Check the timeouts of proxies, LLM_TIMEOUT_SECONDS and the server's log.",
    Code.CUT: "The answer broke off. Check the timeouts of proxies, LLM_TIMEOUT_SECONDS and the server's log.",
}
