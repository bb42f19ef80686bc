"""A text that grows piece by piece, and whose beginning tabs have seen; positions are UTF-16 code units."""

from __future__ import annotations

from chat.text import from_utf16, up_to_utf16, utf16_length


class GrowingText:
    """What was received so far, and how much of it was published."""

    def __init__(self, text: str = "", *, overlap: int = 0) -> None:
        """`text` was received already; its last `overlap` code units will come again."""
        self._pieces = [text] if text else []
        self._overlap = overlap
        self._shown_pieces, self._shown_length = 0, 0
        self.length = utf16_length(text)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self._pieces)

    @property
    def repeats(self) -> bool:
        """Whether a part of the text will come again."""
        return self._overlap > 0

    @property
    def before_repeat(self) -> str:
        """The text without the part that will come again."""
        return up_to_utf16(self.text, self.length - self._overlap) if self._overlap else self.text

    @property
    def waiting(self) -> bool:
        """Whether some of the text is unpublished."""
        return self._shown_pieces < len(self._pieces)

    def add(self, piece: str) -> None:
        """The next piece."""
        if self._overlap:
            piece = self._new_part(piece)
        self._pieces.append(piece)
        self.length += utf16_length(piece)

    def add_at(self, position: int, piece: str) -> bool:
        """A piece of the log, of which a part may be known. False if something before it is missing."""
        known = self.length - position
        if known < 0:
            return False
        self.add(from_utf16(piece, known))
        return True

    def replace(self, text: str) -> None:
        """Another text, of which nothing was published."""
        self._pieces, self.length, self._overlap = [text], utf16_length(text), 0

    def forget_repeat(self) -> None:
        """Nothing will come again."""
        self._overlap = 0

    def unpublished(self) -> tuple[int, str]:
        """The position and the text of what is waiting."""
        return self._shown_length, "".join(self._pieces[self._shown_pieces :])

    def mark(self) -> tuple[int, int]:
        """The current end of the text, for `published`."""
        return len(self._pieces), self.length

    def published(self, mark: tuple[int, int]) -> None:
        """Everything up to the mark was published."""
        self._shown_pieces, self._shown_length = mark

    def _new_part(self, piece: str) -> str:
        known, self._overlap = self._overlap, max(0, self._overlap - utf16_length(piece))
        return from_utf16(piece, known)
