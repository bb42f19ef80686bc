"""E-mail: rendered from templates/emails, sent by SMTP or printed, never in the way of a page."""

from __future__ import annotations

import asyncio
import logging
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from chat.settings import Settings

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent.parent / "templates"
TRIES = 3
RETRY_SECONDS = 5
TIMEOUT_SECONDS = 20


class Mailer:
    """Sends in tasks of its own; `close` waits for what is under way."""

    def __init__(self, settings: Settings, *, templates: Path = TEMPLATES) -> None:
        self._settings = settings
        self._environment = Environment(
            loader=FileSystemLoader(templates), autoescape=select_autoescape(["html"]), undefined=StrictUndefined
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def send_later(self, to: str, name: str, context: dict[str, Any]) -> None:
        """Render now, so that a mistake is seen here; send after the response."""
        task = asyncio.create_task(self._deliver(self.render(to, name, context)), name=f"mail {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def render(self, to: str, name: str, context: dict[str, Any]) -> EmailMessage:
        """The e-mail `name`, from its subject, text and HTML templates."""
        context = {"site_name": self._settings.site_name, "site_url": self._settings.public_url, **context}
        subject, text, html = (
            self._environment.get_template(f"emails/{name}.{part}").render(context)
            for part in ("subject.txt", "txt", "html")
        )
        message = EmailMessage()
        message["Subject"] = " ".join(subject.split())
        message["From"] = self._settings.default_from_email or f"{self._settings.site_name} <noreply@localhost>"
        message["To"] = to
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message

    async def close(self, *, timeout_seconds: float = 5) -> None:
        """Wait a moment for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task in self._tasks:
            task.cancel()

    async def _deliver(self, message: EmailMessage) -> None:
        if self._settings.email_backend == "console":
            text = message.get_body(("plain",))
            sys.stdout.write(f"\n--- E-mail to {message['To']}: {message['Subject']}\n")
            sys.stdout.write(f"{text.get_content() if text else ''}---\n\n")
            sys.stdout.flush()
            return
        for attempt in range(1, TRIES + 1):
            try:
                await self._send(message)
            except (aiosmtplib.SMTPException, OSError) as error:
                logger.warning("E-mail was not sent, try %s of %s: %s", attempt, TRIES, error)
                await asyncio.sleep(RETRY_SECONDS * attempt)
            else:
                return

    async def _send(self, message: EmailMessage) -> None:
        settings = self._settings
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=TIMEOUT_SECONDS,
        )
