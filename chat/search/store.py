"""What the index holds of a text: a tsvector, written here rather than by PostgreSQL's parser."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chat.search.words import Word

MOST_PLACES = 255  # of a word that PostgreSQL keeps
LAST_PLACE = 16_000  # beyond 16,383 they are all the same to PostgreSQL, so they begin again
SHARED_PLACES = 200  # that the end of such a round has in common with the next: as many words as a phrase can have
MOST_BYTES = 900_000  # PostgreSQL takes 1 MiB


def owner(user_id: UUID, *, of_titles: bool = False) -> str:
    """A lexeme that no text contains: the index alone finds what is the user's."""
    return f"{'#' if of_titles else '@'}{user_id.hex}"


def vector(found: Sequence[Word], owned: str) -> str:
    """The words as a tsvector with the owner's lexeme; what is beyond PostgreSQL's bound is left out."""
    places: dict[str, list[int]] = {}
    left = MOST_BYTES
    for word in found:
        known = places.get(word.text)
        if known is None:
            left -= len(word.text.encode()) + 8
            known = places[word.text] = []
        if left < 0:
            del places[word.text]
            break
        if len(known) < MOST_PLACES:
            left -= 2
            known += _places(word.place)
    return " ".join([f"'{owned}'", *(f"'{text}':{','.join(map(str, at))}" for text, at in places.items())])


def _places(place: int) -> list[int]:
    at = place % LAST_PLACE
    return [at + 1, LAST_PLACE + at + 1] if place > at and at < SHARED_PLACES else [at + 1]
