"""The emails' texts, HTML and headers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest
from jinja2 import UndefinedError

from chat.checkout import TEMPLATES
from chat.mailer import Email, Mailer
from chat.settings.parsing import PARSERS, Sender
from tests.support.mailing import CAROL, CONTEXT, EXAMPLE, URL, emails, part, send, settings
from tests.support.page import Page

LONGEST = f"{'c' * 64}@{'.'.join(['d' * 60] * 3)}.tst.de"  # an address has at most 254 characters


@pytest.mark.parametrize("name", emails())
def test_every_email_says_the_same_as_text_and_as_html(name: str) -> None:
    message = Mailer(settings()).render(Email(CAROL, name, EXAMPLE))
    page, paragraphs = Page(part(message, "html")), part(message, "plain").strip().split("\n\n")

    assert 5 < len(message["Subject"]) <= 78
    assert page.find("html")["lang"] == "en"
    assert page.find("title").text == message["Subject"]
    assert paragraphs.pop() == "-- \nQuart Chat\nhttps://chat.example.com"
    if "{% block button %}" in (TEMPLATES / "emails" / f"{name}.txt").read_text():
        button, address = page.all("a", href=URL)
        assert address.text == URL
        paragraphs.remove(f"{button.text}\n{URL}")  # on a separate line: terminals and mail programs make it a link
    assert [paragraph.text for paragraph in page.all("p")] == paragraphs
    assert all(paragraph.strip() for paragraph in paragraphs)
    assert {link["href"] for link in page.all("a")} <= {URL, EXAMPLE["reset_url"], "https://chat.example.com"}
    assert not page.all("img")
    assert not page.all("script")


@pytest.mark.parametrize("name", emails())
def test_names_and_addresses_are_escaped_in_every_email(name: str) -> None:
    hostile = {key: f"<b>{key}</b> & https://evil.example\n\n<script>" for key in EXAMPLE if "url" not in key}
    mailer = Mailer(settings(site_name='<b>Q&A</b> "Chat"\n\n<img src=x>'))
    message = mailer.render(Email(CAROL, name, {**EXAMPLE, **hostile}))
    page, text = Page(part(message, "html")), part(message, "plain")

    for tag in ("b", "img", "script"):
        assert not page.all(tag)
    assert not [link for link in page.all("a") if "evil" in link["href"]]
    assert [paragraph.text for paragraph in page.all("p")] == [
        paragraph for paragraph in text.strip().split("\n\n")[:-1] if URL not in paragraph
    ]
    assert '<b>Q&A</b> "Chat" <img src=x>\n' in text
    assert "&amp;" not in text


def test_a_line_break_in_a_name_starts_no_header() -> None:
    evil = "Chat\r\nBcc: mallory@example.com\n\n<script>"
    mailer = Mailer(settings(site_name=evil, default_from_email=None))
    message = mailer.render(Email(CAROL, "verify_email", CONTEXT))

    assert "Bcc" not in message
    assert message["Subject"] == "Confirm your email address for Chat Bcc: mallory@example.com <script>"
    assert "<script>" in part(message, "plain")
    with pytest.raises(ValueError, match="invalid characters"):
        mailer.render(Email("carol@example.com\r\nBcc: mallory@example.com", "verify_email", CONTEXT))


@pytest.mark.parametrize(
    "email",
    [
        LONGEST,
        "carol@straße.example",
        "käthe@例え.example",
        "carol+o'neil&co@example.com",
    ],
)
def test_an_address_is_shown_unchanged_in_both_parts(email: str) -> None:
    message = Mailer(settings()).render(Email(CAROL, "email_changed", {"email": email}))

    assert email in part(message, "plain")
    assert email in Page(part(message, "html")).text
    parsed = message_from_bytes(message.as_bytes(), EmailMessage, policy=policy.default)
    assert (part(parsed, "plain"), parsed["To"]) == (part(message, "plain"), CAROL)


def test_names_from_right_to_left_are_isolated_and_addresses_of_pages_are_not() -> None:
    mailer = Mailer(settings(site_name="موقع (1)"))
    message = mailer.render(Email(CAROL, "email_changed", {"email": "محمد@example.com"}))
    plain = part(message, "plain")

    assert message["Subject"] == "Your email address at \u2068موقع (1)\u2069 was changed"
    assert "is now \u2068محمد@example.com\u2069. You" in plain
    assert "is now \u2068محمد@example.com\u2069. You" in Page(part(message, "html")).text
    assert "\nhttps://chat.example.com\n" in plain


def test_a_long_address_is_one_recipient() -> None:
    message = Mailer(settings()).render(Email(LONGEST, "verify_email", CONTEXT))

    parsed = message_from_bytes(message.as_bytes(), EmailMessage, policy=policy.default)
    assert [address.addr_spec for address in parsed["To"].addresses] == [LONGEST]


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'url' is undefined"):
        Mailer(settings()).render(Email(CAROL, "verify_email", {"lifetime": "1 day"}))


def test_the_headers_name_sender_and_time_and_stop_automatic_replies() -> None:
    mailer = Mailer(settings(default_from_email=Sender("Chat, the site", "noreply@example.com")))
    one, two = (mailer.render(Email(CAROL, "verify_email", CONTEXT)) for _ in range(2))

    assert one["From"] == '"Chat, the site" <noreply@example.com>'
    assert one["From"].addresses[0].addr_spec == "noreply@example.com"
    assert one["To"] == CAROL
    assert datetime.now(UTC) - parsedate_to_datetime(one["Date"]) < timedelta(seconds=20)
    assert re.fullmatch(r"<\S+@chat\.example\.com>", one["Message-ID"])
    assert one["Message-ID"] != two["Message-ID"]
    assert one["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("noreply@example.com", ("", "noreply@example.com")),
        ("Chat <noreply@example.com>", ("Chat", "noreply@example.com")),
        ('"Chat, the site" <noreply@localhost>', ("Chat, the site", "noreply@localhost")),
        ("Größe <a+b@example.com>", ("Größe", "a+b@example.com")),
    ],
)
def test_a_sender_has_a_name_or_not(text: str, sender: tuple[str, str]) -> None:
    assert PARSERS[Sender | None](text) == sender


@pytest.mark.parametrize(
    "text",
    [
        "Chat",
        "Chat <>",
        "<a@b",
        "a@b>",
        "a@b, c@d",
        "Chat <a@b> <c@d>",
        "Chat\n<a@b>",
        "a b@c",
        "ü@example.com",
        "a@ü.de",
    ],
)
def test_an_invalid_sender_is_refused_at_startup(text: str) -> None:
    with pytest.raises(ValueError, match="write it like Chat <noreply@example"):
        PARSERS[Sender | None](text)


async def test_in_development_the_link_is_printed_on_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    await send(settings(email_backend="console"))

    printed = capsys.readouterr().out.splitlines()
    assert f"--- Email to {CAROL}: Confirm your email address for Quart Chat" in printed
    assert URL in printed
