"""Whatever a text is: it can be indexed, each of its words finds it and is marked, and no one else finds it."""

from __future__ import annotations

import unicodedata

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chat.models import ChatMessage, User
from chat.search import matches
from chat.search.indexing import index
from chat.search.query import MOST_CHARACTERS, Query, Term, Unusable, parse, plain
from chat.search.snippets import WIDTH, snippet, spans
from chat.search.words import LONGEST_WORD, folded, words
from chat.text import utf16_length
from tests.support.cast import Person
from tests.support.rows import written

CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
SCRIPTS = st.sampled_from(
    "aßéİı"  # noqa: RUF001
    "ﬁ ŁЙёΣς 数据库 テスト ｶﾞ 번역 \u1112\u1161\u11ab \u0301 \u093f ห ม า ह ि \u05b8 \u0640 _-'\"\n😀"
)
TEXTS = st.text(CHARACTERS, max_size=120) | st.text(SCRIPTS, max_size=120)
SIGNS = st.text(st.sampled_from("-\" 'ab数:*&|!<>()\\"), max_size=60)


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


def term(text: str) -> Term:
    return Term(text, is_open=False)


@examples(400)
@given(TEXTS)
@example("ΐ ΰ ﬃ ŉ ǰ ẖ")
@example("ﾞ\u3099\u309a")
@example("\u1100\u1161\u11a8 가\u11a8")
def test_a_folded_text_is_folded(text: str) -> None:
    once = folded(text)

    assert folded(once) == once
    assert unicodedata.is_normalized("NFKC", once)


@examples(400)
@given(TEXTS)
@example("x" * (LONGEST_WORD + 1))
@example("ﾞﾞ ｶﾞｷﾞ")
@example("\u30c4\u0640\u3099")
@example("\u30990")
def test_each_word_of_a_text_is_marked_where_it_is(text: str) -> None:
    for word in words(text):
        found = spans(text, [term(word.text)])
        assert found, word
        for start, end in found:
            assert word.text in folded(text[start:end]), (word, text[start:end])


@examples(400)
@given(TEXTS, TEXTS.map(lambda text: [one.text for one in words(text)]), st.integers(1, 300))
@example("¼", ["1", "4"], 42)
def test_a_snippet_has_its_marks_inside_in_order(text: str, wanted: list[str], width: int) -> None:
    shown, marks = snippet(text, plain(wanted).wanted, width=width, before=min(40, width))

    assert len(shown) <= width + 2
    assert "\n" not in shown
    ends = [0, *(position for mark in marks for position in mark), utf16_length(shown)]
    assert ends == sorted(ends)
    if any(spans(text, [one]) for one in plain(wanted).wanted):
        assert marks or width < WIDTH


@examples(400)
@given(
    st.text(CHARACTERS, max_size=MOST_CHARACTERS + 50) | st.text(st.sampled_from("-\" 'ab数:*&|!<>()\\"), max_size=60)
)
def test_any_text_is_a_query_or_refused_with_a_sentence(text: str) -> None:
    try:
        assert parse(text).wanted
    except Unusable as unusable:
        assert str(unusable).endswith((".", "words."))


async def stored(person: Person, text: str) -> None:
    """The text as the person's only message, in the index."""
    thread_id = await written(person, text)
    [message] = await ChatMessage.filter(thread_id=thread_id)
    await index([message.id])


@examples(40)
@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=3), st.data())
async def test_a_text_is_found_by_each_of_its_words_and_by_no_one_else(
    alice: Person, bob: Person, texts: list[str], data: st.DataObject
) -> None:
    text = "\n".join(texts)
    await stored(alice, text)
    hers, his = [(await User.get(email=one.email)).id for one in (alice, bob)]
    for word in data.draw(st.lists(st.sampled_from(words(text) or [None]), max_size=3)):  # type: ignore[type-var]
        if word:
            query = Query([term(word.text)], [])
            found = await matches.messages(hers, query)
            contents = [(await ChatMessage.get(id=match.id)).content for match in found]
            assert text in contents
            assert all(spans(content, query.wanted) for content in contents)
            assert await matches.messages(his, query) == []


@examples(60)
@given(st.text(CHARACTERS, max_size=60) | st.text(st.sampled_from("-\" 'ab数:*&|!<>()\\"), max_size=60))
async def test_postgresql_understands_every_query(alice: Person, text: str) -> None:
    user = await User.get(email=alice.email)
    try:
        query = parse(text)
    except Unusable:
        return
    await matches.messages(user.id, query)
    await matches.under(user.id, await matches.titled(user.id, query), query)
