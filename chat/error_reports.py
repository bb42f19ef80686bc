"""Reports of errors to Sentry, or a server that speaks its protocol, if SENTRY_DSN is set: the place, and no text.

An event is rebuilt from what is known to be harmless: the place, the type of the exception and our ids. Its message,
variables, request and user stay here.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

from chat.logs import known

try:
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration
except ImportError:  # it is an extra
    sentry_sdk = None  # type: ignore[assignment]

KEPT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "sdk")
KEPT_OF_FRAME = ("filename", "function", "module", "lineno", "in_app")
FLUSH_SECONDS = 2


def is_installed() -> bool:
    """Whether the extra is there."""
    return sentry_sdk is not None


def start(dsn: str, *, environment: str) -> None:
    """Report each record of the log that is an error, in this process."""
    sentry_sdk.init(
        dsn=dsn,
        release=f"chat@{version('chat')}",
        environment=environment,
        default_integrations=False,  # they add requests, arguments, breadcrumbs and the user's address
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        shutdown_timeout=FLUSH_SECONDS,
        before_send=harmless,
    )


def harmless(event: Any, _hint: Any) -> Any:
    """The event without texts: of messages, only those that are constants in our code are kept."""
    kept = {name: event[name] for name in KEPT if name in event}
    kept["tags"] = {name: str(value) for name, value in known().items() if name not in ("user", "thread")}
    logger = event.get("logger") or ""
    message = event.get("logentry", {}).get("message") if logger.startswith("chat.") else f"An error of {logger}"
    if message:
        kept["logentry"] = {"message": message}
    if exceptions := event.get("exception", {}).get("values"):
        kept["exception"] = {"values": [_without_value(one) for one in exceptions]}
    return kept


def _without_value(exception: dict[str, Any]) -> dict[str, Any]:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    shown = [{name: frame[name] for name in KEPT_OF_FRAME if name in frame} for frame in frames]
    return {"type": exception.get("type"), "module": exception.get("module"), "stacktrace": {"frames": shown}}
