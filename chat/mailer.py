"""Emails: written from templates/emails and sent by SMTP, or printed, after the response without delaying it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiosmtplib
from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from chat.checkout import TEMPLATES
from chat.settings import Settings
from chat.text import isolated, printable

logger = logging.getLogger(__name__)

AFTER_RESPONSE_SECONDS = 0.05  # writing at once would make a response slower if there is someone to write to
RETRY_SECONDS = (5.0, 30.0, 120.0)
REPLY_SECONDS = 20.0  # for each reply of the mail server
DIALOGUE_SECONDS = 60.0  # for all its replies together
QUIT_SECONDS = 1.0
CONNECTIONS = 4
WAITING_MAX = 1_000  # in memory, about 20 kB each; more means that the mail server is unavailable, or a flood
CLOSE_SECONDS = 2.0
PERMANENT = 500  # SMTP replies from here on are permanent errors


@dataclass(frozen=True, slots=True)
class Email:
    """templates/emails/<name>.txt, filled with the context."""

    to: str
    name: str
    context: dict[str, Any]


Result = TypeVar("Result")
Writer = Callable[[], Awaitable[Email | None]]


class Mailer:
    """Writes and sends each email in a background task; `drain` waits for the tasks."""

    def __init__(self, settings: Settings, *, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._settings = settings
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._retry_seconds = retry_seconds
        host = urlsplit(settings.public_url).hostname or "localhost"
        self._domain = host.encode("idna").decode()
        name, address = settings.default_from_email or (_one_line(settings.site_name), "noreply@localhost")
        self._sender = Address(display_name=name, addr_spec=address)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._draining = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of emails not sent yet, including those that wait for a retry."""
        return len(self._tasks)

    def send_later(self, to: str, name: str, context: dict[str, Any]) -> None:
        """Send the email `name` after the response."""

        async def written() -> Email:
            return Email(to, name, context)

        self.write_later(name, written)

    def write_later(self, name: str, writer: Writer) -> None:
        """Call the async `writer` after the response, and send the email it returns; None means there is none to send.

        Everything that depends on whether an account exists belongs in the writer: the response then takes the same
        time for every address and does not reveal who has an account. The writer is called again while the database is
        unavailable. `name` is for the log.
        """
        if len(self._tasks) >= WAITING_MAX:
            logger.error("Email %s was dropped: %s are waiting. Is the mail server unavailable?", name, WAITING_MAX)
            return
        task = asyncio.create_task(self._write_and_deliver(name, writer), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def render(self, email: Email) -> EmailMessage:
        """The message, with a text part and an HTML part that say the same."""
        context = self._context(email)
        text, html = (
            self._environment.get_template(f"emails/_layout.{kind}").render(context) for kind in ("txt", "html")
        )
        message = EmailMessage()
        message["Subject"] = context["subject"]
        message["From"] = self._sender
        message["To"] = _address(email.to)
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message

    def _context(self, email: Email) -> dict[str, Any]:
        """What a layout shows: the subject and the button's label as text, everything else as lists of paragraphs.

        Nothing here is escaped: the HTML layout does that where it shows it.
        """
        given = {"site_name": self._settings.site_name, "site_url": self._settings.public_url, **email.context}
        # A line break in a name must start neither a paragraph nor a header.
        context = {key: _in_a_line(key, value) if isinstance(value, str) else value for key, value in given.items()}
        default, own = (self._environment.get_template(f"emails/{name}.txt") for name in ("_default", email.name))
        blocks = {**default.blocks, **own.blocks}
        texts = {name: "".join(block(own.new_context(context))) for name, block in blocks.items()}
        lines = {name: _one_line(texts.pop(name)) for name in ("subject", "button")}
        return {**context, **lines, **{name: _paragraphs(text) for name, text in texts.items()}}

    async def drain(self, *, seconds: float) -> None:
        """Called before the server stops: try every email a last time now, and wait up to `seconds` for that."""
        self._draining.set()
        await self.idle(seconds=seconds)

    async def idle(self, *, seconds: float) -> None:
        """Wait until no email is in progress, up to `seconds`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def close(self) -> None:
        """Make the last attempts, and drop what is not sent within CLOSE_SECONDS."""
        await self.drain(seconds=CLOSE_SECONDS)
        if left := list(self._tasks):
            logger.error("Emails not sent because the server is stopping: %s", len(left))
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _write_and_deliver(self, name: str, writer: Writer) -> None:
        await asyncio.sleep(AFTER_RESPONSE_SECONDS)
        email = await self._with_retries(name, "written", writer)
        if email is None:
            return
        message = self.render(email)
        if self._settings.email_backend == "console":
            _print(message)
        else:
            await self._deliver(email, message)

    async def _deliver(self, email: Email, message: EmailMessage) -> None:
        which = f"{email.name} to {_masked(email.to)}, {message['Message-ID']}"

        async def send() -> None:
            await self._send(message)
            logger.info("Email %s was sent", which)

        await self._with_retries(which, "sent", send, to=email.to)

    async def _with_retries(
        self, which: str, done: str, step: Callable[[], Awaitable[Result]], *, to: str = ""
    ) -> Result | None:
        """The step's result, retried while the mail server or the database is unavailable; None after it gave up.

        An attempt that began before `drain` is not the last one: another follows at once.
        """
        for attempt, wait in enumerate((*self._retry_seconds, None), start=1):
            is_last = self._draining.is_set()
            try:
                return await step()
            except (aiosmtplib.SMTPException, OSError) as error:
                why = _reason(error, to)
                if wait is None or is_last or _is_permanent(error):
                    logger.error("Email %s was not %s, gave up after attempt %s: %s", which, done, attempt, why)  # noqa: TRY400 - the reason says it all
                    return None
                logger.warning("Email %s was not %s in attempt %s: %s", which, done, attempt, why)
                await self._pause(wait)
        return None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()

    async def check(self, *, seconds: float) -> None:
        """Connect as for an email, and send none. Raises SMTPException or OSError."""
        client = self._client()
        try:
            async with asyncio.timeout(seconds):
                await client.connect()
                await client.noop()
        finally:
            client.close()

    async def _send(self, message: EmailMessage) -> None:
        client = self._client()
        async with self._connections:
            try:
                async with asyncio.timeout(DIALOGUE_SECONDS):
                    await client.connect()
                    await client.send_message(message)
                # The server has the message: an error from here on must not cause a retry, which would send it twice.
                with suppress(aiosmtplib.SMTPException, OSError):
                    await client.quit(timeout=QUIT_SECONDS)
            finally:
                client.close()

    def _client(self) -> aiosmtplib.SMTP:
        """A client which, with `starttls` or `tls`, sends nothing without TLS and a valid certificate."""
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            local_hostname=self._domain,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=REPLY_SECONDS,
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("Email %s could not be written", task.get_name(), exc_info=error)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_a_line(name: str, value: str) -> str:
    """A value for the middle of a line; a URL stays as it is."""
    return _one_line(value) if name.endswith("url") else isolated(_one_line(value))


def _paragraphs(text: str) -> list[str]:
    """The paragraphs that blank lines separate; where the lines of each one end does not matter."""
    return [_one_line(paragraph) for paragraph in text.split("\n\n") if paragraph.strip()]


def _address(email: str) -> Address:
    """The address with its domain in ASCII, since few mail servers support SMTPUTF8; non-ASCII local parts need it."""
    parsed = validate_email(email, check_deliverability=False)
    return Address(username=parsed.local_part, domain=parsed.ascii_domain)


def _print(message: EmailMessage) -> None:
    """Print the text part to the terminal, where links can be clicked."""
    text = message.get_body(("plain",))
    lines = [f"--- Email to {message['To']}: {message['Subject']}", *(text.get_content() if text else "").split("\n")]
    sys.stdout.write("\n" + "\n".join(map(printable, lines)) + "---\n\n")
    sys.stdout.flush()


def _is_permanent(error: Exception) -> bool:
    """Whether the server refused with a 5xx. Every other error may be temporary."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=refused):
            return all(refusal.code >= PERMANENT for refusal in refused)
        case aiosmtplib.SMTPResponseException(code=code):
            return code >= PERMANENT
    return False


def _reason(error: Exception, to: str) -> str:
    """The error in one line for the log, with the address masked: mail servers tend to repeat it."""
    reason = _one_line(f"{type(error).__name__}: {error}")
    return (reason.replace(to, _masked(to)) if to else reason)[:300]


def _masked(email: str) -> str:
    """The address as logs show it, enough to find the account: c…@example.com."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"
