"""A process that reports errors, with a canary wherever a report could have one."""

from __future__ import annotations

import logging
import os

import sentry_sdk

from chat import error_reports, logs
from chat.logs import about

CANARY = "canary6e07"


def report() -> None:
    """Log errors of every kind, then wait until they are sent."""
    logs.start("INFO")
    error_reports.start(os.environ["SENTRY_DSN"], environment="production")
    logger = logging.getLogger("chat.web.error_pages")
    logs.begin_request("0123456789abcdef")
    about().provider_request = "req_1"
    sentry_sdk.set_user({"email": f"{CANARY}@example.com"})
    sentry_sdk.set_tag("text", CANARY)
    sentry_sdk.add_breadcrumb(message=CANARY)
    logger.info("Said %s", CANARY)
    logger.warning("A warning about %s", CANARY)
    try:
        fail(CANARY)
    except ValueError:
        logger.exception("%s failed", CANARY, extra={"fields": {"text": CANARY}})
    logger.error("Email %s was dropped", CANARY)
    logging.getLogger("asyncio").error(f"A sentence of a library about {CANARY}")  # as libraries do
    sentry_sdk.flush(timeout=10)


def fail(text: str) -> None:
    """Raise with the text in the message, the cause, a note and a variable."""
    local = text * 2
    try:
        raise KeyError(local)  # noqa: TRY301 - the cause of the next one
    except KeyError as cause:
        error = ValueError(f"no such {text}")
        error.add_note(text)
        raise error from cause
