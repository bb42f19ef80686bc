# ruff: noqa: RUF001 - words of many scripts are what this file is about
"""What finds what, and what does not: words of many scripts, names of code, addresses, signs."""

from __future__ import annotations

import pytest

from chat.search.query import parse
from chat.search.snippets import spans
from tests.support.cast import Person
from tests.support.searching import said, texts

FINDS = {
    "English: a word": ("deploy", "How do I deploy this?"),
    "English: the beginning of a word": ("depl", "It was deployed yesterday."),
    "English: two words in any order": ("yesterday deployed", "It was deployed yesterday."),
    "English: case": ("POSTGRESQL", "postgresql is a database"),
    "English: an apostrophe": ("don't", "Please don't do that"),
    "English: half of a word with an apostrophe": ("don", "Please don't do that"),
    "English: a phrase": ('"return value"', "The return value of a function"),
    "English: a phrase over a line break": ('"return value"', "The return\n\nvalue"),
    "English: a phrase with marks between": ('"return value"', "The **return** _value_"),
    "English: a quotation mark that is not closed": ('"return value', "The return value"),
    "English: typographic quotation marks": ("“return value”", "The return value"),
    "English: one letter": ("a", "This is plan a"),
    "English: a ligature": ("fix", "A ﬁx for it"),
    "English: wide letters": ("full", "Ｆｕｌｌ width"),
    "German: umlauts": ("größe", "Die Größe der Prüfung"),
    "German: umlauts that are not typed": ("prufung", "Die Größe der Prüfung"),
    "German: umlauts that are typed": ("prüfung", "Die Prufung"),
    "German: sharp s": ("strasse", "Die Straße ist lang"),
    "German: sharp s that is typed": ("straße", "DIE STRASSE"),
    "German: two words": ("prüfung größe", "Die Größe der Prüfung"),
    "French: accents": ("ete", "L'été à Paris"),
    "French: accents that are written in two characters": ("été", "L'e\u0301te\u0301"),
    "French: a ligature": ("coeur", "Le cœur"),
    "Danish: a letter with a stroke": ("smorrebrod", "Smørrebrød"),
    "Polish: letters with strokes and tails": ("zolty", "Żółty"),
    "Turkish: a dotted capital": ("istanbul", "İstanbul"),
    "Turkish: a dotless letter": ("isik", "Işık"),
    "Vietnamese: two accents": ("viet", "Tiếng Việt"),
    "Greek: accents and the last sigma": ("σισυφοσ", "Ο Σίσυφος"),
    "Greek: capitals": ("ΕΛΛΑΔΑ", "η Ελλάδα"),
    "Russian: a word": ("запрос", "Этот ЗАПРОС медленный"),
    "Russian: the beginning of a word": ("запр", "Нет запросов"),
    "Russian: yo": ("елка", "Ёлка"),
    "Russian: short i": ("йога", "ЙОГА"),
    "Chinese: one character": ("库", "我们使用数据库存储"),
    "Chinese: two characters": ("数据", "我们使用数据库存储"),
    "Chinese: three characters": ("数据库", "我们使用数据库存储"),
    "Chinese: five characters": ("使用数据库", "我们使用数据库存储"),
    "Chinese: the last character": ("储", "我们使用数据库存储"),
    "Chinese: the last two characters": ("存储", "我们使用数据库存储"),
    "Chinese: beside Latin letters": ("使用python编程", "我们使用Python编程"),
    "Chinese: Latin letters inside": ("python", "我们使用Python编程"),
    "Chinese: a rare character": ("𠮷野家", "在𠮷野家吃饭"),
    "Japanese: a word in kana": ("テスト", "日本語のテストです"),
    "Japanese: kanji": ("日本", "日本語のテストです"),
    "Japanese: narrow kana": ("ガギ", "ｶﾞｷﾞ です"),
    "Korean: a word before a particle": ("번역", "번역을 부탁해"),
    "Korean: one syllable": ("번", "번역을 부탁해"),
    "Korean: a word as its parts": ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
    "Thai: a word inside a sentence": ("หมา", "ฉันมีหมาสองตัว"),
    "Hindi: a word with vowel signs": ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
    "Hindi: the beginning of a word": ("बोल", "मैं हिन्दी बोलता हूँ"),
    "Hebrew: without points": ("שלום", "שָׁלוֹם עולם"),
    "Arabic: without points": ("محمد", "مُحَمَّد"),
    "Arabic: hamza": ("احمد", "أحمد"),
    "Code: a name with signs": ("foo_bar.baz", "call foo_bar.baz() here"),
    "Code: a part of a name": ("bar", "call foo_bar.baz() here"),
    "Code: a name that goes on": ("foo_bar", "call foo_bar_baz() here"),
    "Code: a number": ("4711", "error 4711: no such file"),
    "Code: a version": ("3.11.7", "Python 3.11.7"),
    "Code: a path": ("/etc/nginx", "look at /etc/nginx/nginx.conf"),
    "An email address": ("user@x.org", "Write to user@x.org."),
    "A part of an email address": ("x.org", "Write to user@x.org."),
    "A URL": ("https://example.com/a?b=c", "See <https://example.com/a?b=c#d>"),
    "A host name": ("example.com", "See https://www.example.com/a"),
    "An invisible hyphen": ("hyphen", "hy\u00adphen"),
    "Not a word": ("self -return", "self and nothing else"),
    "Not a phrase": ('value -"return value"', "value to return"),
    "A word longer than the index keeps": ("x" * 80, f"so {'x' * 100} long"),
}
MISSES = {
    "the middle of a word": ("eploy", "How do I deploy this?"),
    "another word": ("deploying", "It was deployed."),
    "one of two words": ("deploy tomorrow", "We deploy today"),
    "a phrase in another order": ('"value return"', "The return value"),
    "a phrase with a word between": ('"return value"', "return the value"),
    "the beginning of a word in quotation marks": ('"depl"', "deployed"),
    "one letter as a beginning": ("a", "another"),
    "a word that is left out": ("self -return", "self and return"),
    "the beginning of what is left out": ("self -ret", "self and returned"),
    "a phrase that is left out": ('value -"return value"', "the return value"),
    "characters in another order": ("据数", "我们使用数据库存储"),
    "characters with another between": ("使数", "我们使用数据库存储"),
    "parts of a name in another order": ("baz.foo", "foo_bar.baz"),
    "a consonant without its vowel sign, in quotation marks": ('"ह"', "हिन्दी"),
}


@pytest.mark.parametrize(("query", "text"), FINDS.values(), ids=list(FINDS))
async def test_it_is_found_and_marked(alice: Person, query: str, text: str) -> None:
    await said(alice, text)

    assert len(await texts(alice, query)) == 1
    terms = parse(query).wanted
    assert all(spans(text, [term]) for term in terms)


@pytest.mark.parametrize(("query", "text"), MISSES.values(), ids=list(MISSES))
async def test_it_is_not_found(alice: Person, query: str, text: str) -> None:
    await said(alice, text)

    assert await texts(alice, query) == []
