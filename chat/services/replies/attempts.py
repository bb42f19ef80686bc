"""Earlier attempts at an answer, which are folded above the newest one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chat.events import MessageView
from chat.models import Role


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that is shown, with the earlier attempts before it."""

    message: MessageView
    earlier: list[MessageView] = field(default_factory=list)


def folded(messages: Iterable[MessageView]) -> list[Shown]:
    """The messages of a chat as they are shown; an answer that another one continues is not an earlier attempt.

    `static/src/chat/attempts.js` does the same.
    """
    shown: list[Shown] = []
    for message in messages:
        earlier: list[MessageView] = []
        if message.role == Role.ASSISTANT and not message.continues:
            while shown and shown[-1].message.role == Role.ASSISTANT:
                last = shown.pop()
                earlier = [*last.earlier, last.message, *earlier]
        shown.append(Shown(message, earlier))
    return shown
