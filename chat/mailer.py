"""E-mail: rendered from templates/emails, sent by SMTP or printed, after the response and never in its way."""

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
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiosmtplib
from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from chat.settings import Settings

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent.parent / "templates"
AFTER_RESPONSE_SECONDS = 0.05  # else rendering would show in the time of a page that has somebody to write to
RETRY_SECONDS = (5.0, 30.0, 120.0)
REPLY_SECONDS = 20.0  # for each answer of the mail server
DIALOGUE_SECONDS = 60.0  # for all of them together
QUIT_SECONDS = 1.0
CONNECTIONS = 4
WAITING_MAX = 1_000  # letters in memory, some 20 kB each: more means that the mail server is away, or a flood
CLOSE_SECONDS = 2.0
PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail: templates/emails/<name>.txt, filled with the context."""

    to: str
    name: str
    context: dict[str, Any]


Result = TypeVar("Result")
Writer = Callable[[], Awaitable[Letter | None]]


class Mailer:
    """Writes and sends in tasks of its own; `drain` waits for them."""

    def __init__(
        self, settings: Settings, *, templates: Path = TEMPLATES, retry_seconds: Sequence[float] = RETRY_SECONDS
    ) -> None:
        self._settings = settings
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._retry_seconds = retry_seconds
        host = urlsplit(settings.public_url).hostname or "localhost"
        self._domain = host.encode("idna").decode()
        name, address = settings.default_from_email or (" ".join(settings.site_name.split()), "noreply@localhost")
        self._sender = Address(display_name=name, addr_spec=address)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._draining = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many letters are to be sent, or sent again."""
        return len(self._tasks)

    def send_later(self, to: str, name: str, context: dict[str, Any]) -> None:
        """Send the e-mail `name` after the response."""

        async def written() -> Letter:
            return Letter(to, name, context)

        self.write_later(name, written)

    def write_later(self, name: str, write: Writer) -> None:
        """Let `write` find out after the response whether there is somebody to write to, and send what it returns.

        So a page takes as long for an address without an account as for one with it: all that differs comes later.
        It is asked again while the database is away, as the mail server is.
        """
        if len(self._tasks) >= WAITING_MAX:
            logger.error("The e-mail %s is dropped: %s others wait. Does the mail server answer?", name, WAITING_MAX)
            return
        task = asyncio.create_task(self._write_and_deliver(name, write), name=f"e-mail {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def render(self, letter: Letter) -> EmailMessage:
        """The message, with a text and an HTML part."""
        context = self._context(letter)
        text, html = (
            self._environment.get_template(f"emails/_layout.{kind}").render(context) for kind in ("txt", "html")
        )
        message = EmailMessage()
        message["Subject"] = context["subject"]
        message["From"] = self._sender
        message["To"] = _address(letter.to)
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message

    def _context(self, letter: Letter) -> dict[str, Any]:
        """What a layout shows: the subject and the button's label as text, everything else as lists of paragraphs.

        Nothing here is escaped: the HTML layout does that where it shows it.
        """
        given = {"site_name": self._settings.site_name, "site_url": self._settings.public_url, **letter.context}
        # A line break in a name must start neither a paragraph nor a header.
        context = {key: _one_line(value) if isinstance(value, str) else value for key, value in given.items()}
        default, own = (self._environment.get_template(f"emails/{name}.txt") for name in ("_default", letter.name))
        blocks = {**default.blocks, **own.blocks}
        texts = {name: "".join(block(own.new_context(context))) for name, block in blocks.items()}
        lines = {name: _one_line(texts.pop(name)) for name in ("subject", "button")}
        return {**context, **lines, **{name: _paragraphs(text) for name, text in texts.items()}}

    async def drain(self, *, seconds: float) -> None:
        """The server is about to stop: try what waits at once and for the last time, and wait for it so long."""
        self._draining.set()
        await self.idle(seconds=seconds)

    async def idle(self, *, seconds: float) -> None:
        """Wait until nothing is under way, so long at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def close(self) -> None:
        """Wait a moment for what is under way, and drop the rest."""
        await self.drain(seconds=CLOSE_SECONDS)
        if left := list(self._tasks):
            logger.error("The server stops, and e-mails are not sent: %s", len(left))
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _write_and_deliver(self, name: str, write: Writer) -> None:
        await asyncio.sleep(AFTER_RESPONSE_SECONDS)
        letter = await self._until_done(name, "written", write)
        if letter is None:
            return
        message = self.render(letter)
        if self._settings.email_backend == "console":
            _print(message)
        else:
            await self._deliver(letter, message)

    async def _deliver(self, letter: Letter, message: EmailMessage) -> None:
        which = f"{letter.name} to {_masked(letter.to)}, {message['Message-ID']}"

        async def send() -> None:
            await self._send(message)
            logger.info("The e-mail %s was sent", which)

        await self._until_done(which, "sent", send, to=letter.to)

    async def _until_done(
        self, which: str, done: str, step: Callable[[], Awaitable[Result]], *, to: str = ""
    ) -> Result | None:
        """Again after a while where the mail server or the database is away; None if given up, which the log says.

        A server that is about to stop gives nothing up that was tried before it knew: each has a try after that.
        """
        for number, wait in enumerate((*self._retry_seconds, None), start=1):
            is_last = self._draining.is_set()
            try:
                return await step()
            except (aiosmtplib.SMTPException, OSError) as error:
                why = _reason(error, to)
                if wait is None or is_last or _is_permanent(error):
                    logger.error("The e-mail %s was not %s, given up after try %s: %s", which, done, number, why)  # noqa: TRY400 - the sentence says it all
                    return None
                logger.warning("The e-mail %s was not %s, try %s: %s", which, done, number, why)
                await self._pause(wait)
        return None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()

    async def _send(self, message: EmailMessage) -> None:
        """Never in the clear with `starttls` or `tls`: no TLS or a wrong certificate: nothing is sent.

        Nor twice what the server has taken.
        """
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            local_hostname=self._domain,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=REPLY_SECONDS,
        )
        async with self._connections:
            try:
                async with asyncio.timeout(DIALOGUE_SECONDS):
                    await client.connect()
                    await client.send_message(message)
                with suppress(aiosmtplib.SMTPException, OSError):  # it has the message: a second try would double it
                    await client.quit(timeout=QUIT_SECONDS)
            finally:
                client.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("The %s could not be written", task.get_name(), exc_info=error)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> list[str]:
    """The paragraphs that blank lines separate; where the lines of each one end does not matter."""
    return [_one_line(paragraph) for paragraph in text.split("\n\n") if paragraph.strip()]


def _address(email: str) -> Address:
    """Domains travel in ASCII, since few mail servers take others; for a name that is not, one of these is needed."""
    parsed = validate_email(email, check_deliverability=False)
    return Address(username=parsed.local_part, domain=parsed.ascii_domain)


def _print(message: EmailMessage) -> None:
    """To the terminal, where a link on a line of its own can be clicked."""
    text = message.get_body(("plain",))
    sys.stdout.write(f"\n--- E-mail to {message['To']}: {message['Subject']}\n")
    sys.stdout.write(f"{text.get_content() if text else ''}---\n\n")
    sys.stdout.flush()


def _is_permanent(error: Exception) -> bool:
    """Whether the server said no for good: a 5xx. Everything else may pass."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=refused):
            return all(one.code >= PERMANENT for one in refused)
        case aiosmtplib.SMTPResponseException(code=code):
            return code >= PERMANENT
    return False


def _reason(error: Exception, to: str) -> str:
    """What the log may say: one line, without the address that servers like to repeat."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return (said.replace(to, _masked(to)) if to else said)[:300]


def _masked(email: str) -> str:
    """Enough for an administrator to find the account: c…@example.com."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"
