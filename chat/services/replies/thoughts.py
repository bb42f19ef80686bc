"""The reasoning of a running answer: what the model writes while it is thinking, and the thinking time."""

from __future__ import annotations

import time

from chat.services.replies.growing import GrowingText

MAX_BYTES = 64 * 1024  # UTF-8, of one answer
ELLIPSIS = "…"
BLANK_LINE = "\n\n"


class Thoughts(GrowingText):
    """The reasoning of all rounds as one text, with a blank line between rounds."""

    def __init__(
        self, text: str = "", *, overlap: int = 0, milliseconds: int | None = None, thinking: bool = False
    ) -> None:
        self._room = MAX_BYTES - len(ELLIPSIS.encode()) - len(text.encode())  # bytes; none once the text was cut
        super().__init__(text, overlap=overlap if self._room > 0 else 0)
        self._before_ms = milliseconds  # without the time since `since`; None: the model never began to think
        self.since = time.monotonic() if thinking else None
        self._new_round = False
        self.changes = int(milliseconds is not None)  # how often thinking began or ended

    @property
    def thinking(self) -> bool:
        """Whether the model is thinking now."""
        return self.since is not None

    @property
    def milliseconds(self) -> int | None:
        """How long the model has been thinking; None if it never began."""
        if self.since is None:
            return self._before_ms
        return (self._before_ms or 0) + round((time.monotonic() - self.since) * 1000)

    def think(self, piece: str) -> None:
        """The next piece, which may be empty: the model is thinking, but does not say what."""
        if self.since is None:
            self.since = time.monotonic()
            self.changes += 1
        if self._room > 0 and (new := self._new_part(self._separated(piece))):
            self.add(self._fitting(new))

    def stop(self) -> bool:
        """Text, a tool or the end follows. False if the model was not thinking."""
        if self.since is None:
            return False
        self._before_ms, self.since = self.milliseconds, None
        self.changes += 1
        return True

    def start_round(self) -> None:
        """The next piece belongs to a new round; nothing of the last round will be repeated."""
        self.forget_repeat()
        self._new_round = bool(self.length)

    def _separated(self, piece: str) -> str:
        """The piece after a blank line if it begins a round, but without the line at the very start."""
        before = self.length - self._overlap
        if before and not self._new_round:
            return piece
        piece = piece.lstrip("\n")
        if not (before and piece):
            return piece
        self._new_round = False
        return BLANK_LINE + piece

    def _fitting(self, piece: str) -> str:
        """The piece, or as much of it as fits, with an ellipsis."""
        encoded = piece.encode()
        room, self._room = self._room, max(0, self._room - len(encoded))
        return piece if self._room else encoded[:room].decode(errors="ignore") + ELLIPSIS
