"""E-mail: what is in it, how it travels, and what becomes of it when the mail server is away, slow or says no."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from jinja2 import UndefinedError

from chat import mailer as mailer_module
from chat.database import DatabaseUnavailable
from chat.mailer import TEMPLATES, Email, Mailer
from chat.settings import Settings
from chat.settings.parsing import PARSERS, Sender
from tests.waiting import eventually
from tests.web.mailbox import Mailbox
from tests.web.page import Page

CAROL = "carol@example.com"
TOKEN = "t0k3n" * 8
URL = f"https://chat.example.com/accounts/verify-email/{TOKEN}/"
CONTEXT = {"url": URL, "lifetime": "1 day"}
LONGEST = f"{'c' * 64}@{'.'.join(['d' * 60] * 3)}.tst.de"  # an address has at most 254 characters
AT_ONCE = (0.0, 0.0, 0.0)
CLOSED_PORT = 1
# What every e-mail together is filled with, besides the site's name and address.
EXAMPLE = {
    "url": URL,
    "reset_url": "https://chat.example.com/accounts/password_reset/",
    "lifetime": "1 day",
    "email": "carol.new@example.com",
    "left": 9,
    "failures": 100,
}


def settings(port: int = CLOSED_PORT, **more: object) -> Settings:
    values = {
        "public_url": "https://chat.example.com",
        "email_backend": "smtp",
        "default_from_email": Sender("Chat", "noreply@example.com"),
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_tls": "none",
    }
    return Settings(**{**values, **more})


@asynccontextmanager
async def mailing(settings: Settings, **more: object) -> AsyncIterator[Mailer]:
    """A mailer that tries again at once."""
    mailer = Mailer(settings, **{"retry_seconds": AT_ONCE, **more})
    yield mailer
    await mailer.close()


async def send(settings: Settings, to: str = CAROL) -> None:
    """Send a letter, and wait for what becomes of it."""
    async with mailing(settings) as mailer:
        mailer.send_later(to, "verify_email", CONTEXT)
        await mailer.idle(seconds=10)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return found.get_content()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new one for 127.0.0.1 that nobody has signed, with its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail.test"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine knows who signed it, as with a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")


# What is in it


def emails() -> list[str]:
    return sorted(path.stem for path in (TEMPLATES / "emails").glob("[!_]*"))


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
        paragraphs.remove(f"{button.text}\n{URL}")  # on a line of its own: terminals and mail programs make it a link
    assert [paragraph.text for paragraph in page.all("p")] == paragraphs
    assert all(paragraph.strip() for paragraph in paragraphs)
    assert {link["href"] for link in page.all("a")} <= {URL, EXAMPLE["reset_url"], "https://chat.example.com"}
    assert not page.all("img")
    assert not page.all("script")


@pytest.mark.parametrize("name", emails())
def test_names_and_addresses_are_text_in_every_email(name: str) -> None:
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


def test_a_line_break_in_a_name_begins_no_header() -> None:
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
def test_an_address_is_written_as_it_is_in_both_parts(email: str) -> None:
    message = Mailer(settings()).render(Email(CAROL, "email_changed", {"email": email}))

    assert email in part(message, "plain")
    assert email in Page(part(message, "html")).text
    parsed = message_from_bytes(message.as_bytes(), EmailMessage, policy=policy.default)
    assert (part(parsed, "plain"), parsed["To"]) == (part(message, "plain"), CAROL)


def test_a_long_address_is_one_recipient() -> None:
    message = Mailer(settings()).render(Email(LONGEST, "verify_email", CONTEXT))

    parsed = message_from_bytes(message.as_bytes(), EmailMessage, policy=policy.default)
    assert [address.addr_spec for address in parsed["To"].addresses] == [LONGEST]


@pytest.mark.parametrize(("left", "words"), [(9, "9 recovery codes"), (1, "1 recovery code"), (0, "no recovery codes")])
def test_recovery_codes_are_counted_in_words(left: int, words: str) -> None:
    message = Mailer(settings()).render(Email(CAROL, "recovery_code_used", {"url": URL, "left": left}))

    assert f"You have {words} left." in part(message, "plain")


def test_what_an_email_needs_and_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'url' is undefined"):
        Mailer(settings()).render(Email(CAROL, "verify_email", {"lifetime": "1 day"}))


def test_the_headers_say_who_when_and_that_nobody_need_answer() -> None:
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
def test_what_is_no_sender_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="write it like Chat <noreply@example"):
        PARSERS[Sender | None](text)


async def test_in_development_the_link_stands_alone_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    await send(settings(email_backend="console"))

    printed = capsys.readouterr().out.splitlines()
    assert f"--- Email to {CAROL}: Confirm your email address for Quart Chat" in printed
    assert URL in printed


# How it travels


async def test_a_letter_arrives() -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port))
        message = await mailbox.next_email(CAROL)

    assert message["Subject"] == "Confirm your email address for Quart Chat"
    assert URL in part(message, "plain")
    assert mailbox.encrypted is False


async def test_a_domain_in_other_letters_travels_in_ascii() -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port), to="carol@straße.example.com")

        assert (await mailbox.next_email("carol@xn--strae-oqa.example.com"))["To"] == "carol@xn--strae-oqa.example.com"


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_with_tls_a_letter_and_the_password_travel_encrypted(
    mode: str, server_tls: ssl.SSLContext, trusted: None
) -> None:
    asked: list[object] = []

    def authenticator(_server: object, _session: object, _envelope: object, _kind: str, login: object) -> AuthResult:
        asked.append(login)
        return AuthResult(success=True)

    auth = {"authenticator": authenticator, "auth_require_tls": mode == "starttls"}
    async with Mailbox.listening(**{mode: server_tls}, **auth) as mailbox:
        await send(settings(mailbox.port, smtp_tls=mode, smtp_username="chat", smtp_password="secret"))
        await mailbox.next_email(CAROL)

    assert mailbox.encrypted is True
    assert [(login.login, login.password) for login in asked] == [(b"chat", b"secret")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_a_server_with_a_wrong_certificate_gets_nothing(
    mode: str, server_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with Mailbox.listening(**{mode: server_tls}) as mailbox:
        await send(settings(mailbox.port, smtp_tls=mode))

        assert mailbox.tries == 0
    assert "certificate verify failed" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


async def test_a_certificate_for_another_name_is_a_wrong_one(
    server_tls: ssl.SSLContext, trusted: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with Mailbox.listening(starttls=server_tls) as mailbox:
        await send(settings(mailbox.port, smtp_tls="starttls", smtp_host="localhost"))

        assert mailbox.tries == 0
    assert "certificate" in caplog.text


async def test_a_server_without_starttls_gets_nothing_in_the_clear(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port, smtp_tls="starttls"))

        assert mailbox.tries == 0
    assert "STARTTLS extension not supported" in caplog.records[-1].getMessage()


# What goes wrong


async def test_a_server_that_is_down_is_tried_four_times_and_then_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await send(settings())

    tries = [record for record in caplog.records if record.name == "chat.mailer"]
    assert [record.levelname for record in tries] == ["WARNING", "WARNING", "WARNING", "ERROR"]
    assert "verify_email to c…@example.com" in tries[-1].getMessage()
    assert "gave up after attempt 4" in tries[-1].getMessage()
    assert CAROL not in caplog.text
    assert TOKEN not in caplog.text


async def test_waits_between_the_tries_grow() -> None:
    waits = mailer_module.RETRY_SECONDS

    assert len(waits) == 3
    assert all(later > 3 * earlier for earlier, later in pairwise(waits))


async def test_a_server_that_comes_up_gets_the_letter_at_the_next_try() -> None:
    async with Mailbox.listening() as mailbox:
        port = mailbox.port
    async with mailing(settings(port), retry_seconds=(0.2, 1.0, 3.0)) as mailer:
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await asyncio.sleep(mailer_module.AFTER_RESPONSE_SECONDS + 0.05)
        async with Mailbox.listening(port=port) as mailbox:
            await mailbox.next_email(CAROL)
            await mailer.idle(seconds=20)


async def test_a_server_that_says_later_gets_it_again(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        mailbox.refusals.extend(["451 4.7.1 Greylisted, try later", "421 Too busy"])
        await send(settings(mailbox.port))
        await mailbox.next_email(CAROL)

    assert mailbox.tries == 3
    assert "Greylisted" in caplog.text


async def test_a_no_for_good_is_taken_for_one(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        mailbox.refusals.append(f"550 5.1.1 <{CAROL}>: no such user here")
        await send(settings(mailbox.port))

    assert mailbox.tries == 1
    assert mailbox.is_empty(CAROL)
    assert "<c…@example.com>: no such user here" in caplog.text
    assert CAROL not in caplog.text


@pytest.mark.parametrize("until", [b"", b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_a_server_that_closes_in_the_middle_is_tried_again(until: bytes) -> None:
    async with Mailbox.listening() as mailbox, breaking_off(mailbox, until) as port:
        await send(settings(port))
        await mailbox.next_email(CAROL)

        assert mailbox.is_empty(CAROL)


async def test_what_the_server_has_taken_is_not_sent_again_though_it_closes_without_a_goodbye() -> None:
    async with Mailbox.listening() as mailbox, breaking_off(mailbox, b"QUIT") as port:
        await send(settings(port))
        await mailbox.next_email(CAROL)

        assert mailbox.is_empty(CAROL)
        assert mailbox.tries == 1


@asynccontextmanager
async def breaking_off(mailbox: Mailbox, until: bytes) -> AsyncIterator[int]:
    """Before a mail server: the first connection is closed at this command, or before the greeting."""
    first = iter((True,))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        breaks = next(first, False)
        if not (breaks and not until):
            server_reader, server_writer = await asyncio.open_connection(mailbox.host, mailbox.port)
            answers = asyncio.create_task(copy(server_reader, writer))
            while (line := await reader.readline()) and not (breaks and line.upper().startswith(until)):
                server_writer.write(line)
            server_writer.close()
            await answers
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Writing:
    """A writer with a database that does not answer at first."""

    def __init__(self, failures: int) -> None:
        self.tries, self._failures = 0, failures

    async def __call__(self) -> Email:
        self.tries += 1
        if self.tries <= self._failures:
            raise DatabaseUnavailable("the connection was lost")
        return Email(CAROL, "verify_email", CONTEXT)


async def test_what_a_database_that_is_away_keeps_from_being_written_is_tried_again_too() -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailer.write_later("sign_up", writing := Writing(failures=2))
        await mailbox.next_email(CAROL)

    assert writing.tries == 3
    assert mailbox.tries == 1


async def test_a_letter_that_cannot_be_written_is_given_up_as_one_that_cannot_be_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with mailing(settings()) as mailer:
        mailer.write_later("sign_up", writing := Writing(failures=9))
        await mailer.idle(seconds=10)

    assert writing.tries == len(AT_ONCE) + 1
    assert "sign_up was not written, gave up after attempt 4: DatabaseUnavailable" in caplog.records[-1].getMessage()


async def test_a_mistake_in_a_letter_is_in_the_log_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailer.send_later(CAROL, "verify_email", {})
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await mailbox.next_email(CAROL)

    assert "'lifetime' is undefined" in caplog.text


async def test_more_than_the_memory_should_hold_is_dropped_and_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer_module, "WAITING_MAX", 3)
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        for _ in range(5):
            mailer.send_later(CAROL, "verify_email", CONTEXT)
        await mailer.idle(seconds=20)

    assert mailbox.tries == 3
    assert [record.levelname for record in caplog.records if "dropped" in record.message] == ["ERROR", "ERROR"]


async def test_a_flood_opens_a_few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailbox.awake.clear()
        for _ in range(20):
            mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.tries == mailer_module.CONNECTIONS)
        await asyncio.sleep(0.1)
        assert mailbox.tries == mailer_module.CONNECTIONS
        mailbox.awake.set()
        await mailer.idle(seconds=20)

    assert mailbox.tries == 20


async def test_a_silent_server_is_left_after_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer_module, "REPLY_SECONDS", 0.1)
    async with Mailbox.listening() as mailbox:
        mailbox.awake.clear()
        await send(settings(mailbox.port))
        mailbox.awake.set()

    assert "gave up after attempt 4" in caplog.text


# Stopping


async def test_a_stopping_server_tries_what_waits_for_the_last_time_at_once() -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port), retry_seconds=(60,)) as mailer:
        mailbox.refusals.append("451 later")
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.tries == 1)
        await mailer.drain(seconds=20)
        await mailbox.next_email(CAROL)  # which waits for less than the pause


async def test_a_try_that_was_under_way_when_the_server_began_to_stop_is_not_the_last() -> None:
    stopping: list[asyncio.Task[None]] = []

    async def write() -> Email:
        if stopping:
            return Email(CAROL, "verify_email", CONTEXT)
        stopping.append(asyncio.create_task(mailer.drain(seconds=20)))
        await asyncio.sleep(0)
        raise DatabaseUnavailable

    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port), retry_seconds=(60,)) as mailer:
        mailer.write_later("sign_up", write)
        await mailbox.next_email(CAROL)
        await asyncio.gather(*stopping)


async def test_a_stopping_server_waits_no_longer_than_it_may_and_says_what_is_lost(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer_module, "CLOSE_SECONDS", 0.1)
    async with Mailbox.listening() as mailbox:
        mailbox.awake.clear()
        mailer = Mailer(settings(mailbox.port))
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.tries == 1)
        began = time.monotonic()
        await mailer.close()
        mailbox.awake.set()

    assert time.monotonic() - began < 15, "the mail server has 20 s for each answer"
    assert "Emails not sent because the server is stopping: 1" in caplog.text
