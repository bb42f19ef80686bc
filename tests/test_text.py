"""Text that is stored and counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.text import from_utf16, sha8, storable, utf16_length


@given(st.text())
def test_lengths_are_those_of_javascript(text: str) -> None:
    assert utf16_length(text) == sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


@given(st.text(), st.text())
def test_the_part_after_a_position_is_what_came_after_it(before: str, after: str) -> None:
    assert from_utf16(before + after, utf16_length(before)) == after


@given(st.text(alphabet=st.one_of(st.characters(), st.integers(0xD800, 0xDFFF).map(chr), st.just("\x00"))))
def test_stored_text_is_storable_and_loses_nothing_else(text: str) -> None:
    stored = storable(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert len(stored) <= len(text)
    assert [one for one in stored if one != "\ufffd" and one < "\U00010000"] == [
        one for one in text if one not in "\x00\ufffd" and not "\ud800" <= one <= "\udfff" and one < "\U00010000"
    ]


def test_the_digest_is_of_utf8() -> None:
    assert sha8("abc") == "ba7816bf"
