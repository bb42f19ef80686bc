"""Parts of a request that a server repeats in an error are neither logged nor stored, however they are escaped."""

from __future__ import annotations

import html
import json
import logging
import re
from urllib.parse import quote

import pytest

from chat.llm import errors
from chat.llm.client import LLMClient
from chat.llm.provider.redaction import LONG, THE_REQUEST, redacted
from tests.support.llm import MemoryJournal
from tests.support.raw_server import Answer, serving, writes

SECRET = 'Meine "PIN" ist 4711-0815,\nGrüße an Ömer & Söhne <b>privat</b>; 你好世界今天天气怎么样很好'
WORDS = ("4711", "0815", "Grüße", "Ömer", "Söhne", "privat", "Gr", "世界")
FORMS = {
    "raw": SECRET,
    "JSON": json.dumps(SECRET),
    "JSON in UTF-8": json.dumps(SECRET, ensure_ascii=False),
    "JSON in JSON": json.dumps(json.dumps(SECRET)),
    "HTML": html.escape(SECRET),
    "HTML of JSON": html.escape(json.dumps(SECRET)),
    "HTML twice": html.escape(html.escape(SECRET)),
    "numeric HTML": "".join(f"&#{ord(character)};" for character in SECRET),
    "URL": quote(SECRET),
    "repr": repr(SECRET),
    "one line": " ".join(SECRET.split()),
    "capitals": SECRET.upper(),
    "a part": SECRET[9:40],
    "cut off": f"{SECRET[:45]}…",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_people_wrote_is_left_out_however_it_is_repeated(form: str) -> None:
    told = redacted(f"Invalid input: {form} is no valid value for 'input'", ["Be brief.", SECRET])

    assert re.fullmatch(r"Invalid input: .{0,8}\[…\].* is no valid value for 'input'", told)
    assert not [word for word in WORDS if word.casefold() in told.casefold()]


@pytest.mark.parametrize(
    ("detail", "sent", "told"),
    [
        ("Unsupported value: 'yes', yesterday", "Yes!", "Unsupported value: '[…]', yesterday"),
        ("the password hunter2 is wrong", "my password is hunter2, really", "the password […] is wrong"),
        ("no user ada@example.com", "write to ada@example.com", "no user […]"),
        ("This model's maximum context length is 8192 tokens.", "How long is a context?",
         "This model's maximum context length is 8192 tokens."),
        ("", "hello", ""),
        ("refused", "", "refused"),
    ],
)  # fmt: skip
def test_short_texts_and_words_with_digits_are_left_out_and_the_rest_stays(detail: str, sent: str, told: str) -> None:
    assert redacted(detail, [sent]) == told


def test_control_characters_do_not_pass() -> None:
    assert redacted("a\x1b[31mb\r\nc\u2028d\u202ee\x9bf\x00g", ["nothing"]) == "a [31mb c d e f g"


def test_a_long_run_of_backslashes_is_read_once() -> None:
    assert redacted("\\" * 100_000, ["nothing"])  # the test's limit is the bound: it took minutes


def test_a_part_of_a_very_long_text_is_left_out_too() -> None:
    text = " ".join(f"sentence{number}" for number in range(LONG // 8))
    part = text[500_000 % len(text) :][:200]

    assert redacted(f"too long: {part}", [text]).count("sentence") <= 2


# Through the client


def refusal(body: str) -> Answer:
    """An error with this body."""
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-length: {len(body.encode())}\r\nconnection: close\r\n\r\n"
    return writes((head + body).encode())


@pytest.mark.parametrize("background", [False, True])
async def test_the_detail_the_log_and_the_journal_have_none_of_it_and_little_else(
    caplog: pytest.LogCaptureFixture, background: bool
) -> None:
    caplog.set_level(logging.DEBUG, "chat.llm")
    journal = MemoryJournal()
    instructions = "You are the assistant of Example Corp, founded by Jane Roe."
    said = [{"role": "user", "content": "What was it?"}, {"role": "user", "content": SECRET}]
    body = json.dumps({"error": {"message": f"Bad request: {json.dumps(said)} {instructions}" + " \x1b[2J no" * 2_000}})
    async with serving(refusal(body)) as server, LLMClient(api_key="test", base_url=server.url, journal=journal) as llm:
        with pytest.raises(errors.ProviderFailed) as failed:
            await llm.call(said, instructions=instructions, background=background)

    [log] = journal.logs
    for told in (failed.value.detail, log.error, caplog.text):
        assert THE_REQUEST in told
        assert not [word for word in (*WORDS, "Jane", "Example Corp", "\x1b") if word in told]
    assert len(log.error) <= 1_000
