"""What the work of a task is about, for the log: ids, and never a name, an address or a text."""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class About:
    """The ids that each record of a task has. Tasks that the task starts share them."""

    request: str = ""  # an HTTP request, or a websocket for as long as it is open
    user: UUID | None = None
    thread: UUID | None = None
    generation: UUID | None = None
    round: int = 0
    provider_request: str = ""  # the provider's id of the last request

    def known(self) -> dict[str, Any]:
        """The ids that are known."""
        found = ((name, getattr(self, name)) for name in NAMES)
        return {name: value for name, value in found if value}


NAMES = tuple(item.name for item in fields(About))
_about: ContextVar[About | None] = ContextVar("about", default=None)


def about() -> About:
    """What this task is about; set its attributes once they are known."""
    return _about.get() or begin()


def known() -> dict[str, Any]:
    """The ids that are known of this task."""
    now = _about.get()
    return now.known() if now else {}


def begin(**ids: Any) -> About:
    """From here on, this task and those that it starts have a record of their own: the ids of now, and these."""
    now = replace(_about.get() or About(), **ids)
    _about.set(now)
    return now


def begin_request(given: str = "") -> About:
    """This task serves a request, with the id that a proxy gave it, or a new one."""
    now = About(request=given or secrets.token_hex(8))
    _about.set(now)
    return now
