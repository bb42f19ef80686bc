"""A text in parts, for templates: what is marked, and what is between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat.text import from_utf16, up_to_utf16


def marked_parts(text: str, marks: Sequence[Sequence[int]]) -> Iterator[tuple[str, bool]]:
    """Each part with whether it is marked. Marks are pairs of positions in UTF-16, in order."""
    last = 0
    for start, end in marks:
        if start > last:
            yield from_utf16(up_to_utf16(text, start), last), False
        yield from_utf16(up_to_utf16(text, end), start), True
        last = end
    if rest := from_utf16(text, last):
        yield rest, False
