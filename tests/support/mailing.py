"""A mailer for tests: its settings, an email to send, and the parts of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

from chat.checkout import TEMPLATES
from chat.mailer import Mailer
from chat.settings import Settings
from chat.settings.parsing import Sender

CAROL = "carol@example.com"
TOKEN = "t0k3n" * 8
URL = f"https://chat.example.com/accounts/verify-email/{TOKEN}/"
CONTEXT = {"url": URL, "lifetime": "1 day"}
# The values that all emails together need, except the site's name and address.
EXAMPLE = {
    "url": URL,
    "reset_url": "https://chat.example.com/accounts/password_reset/",
    "lifetime": "1 day",
    "email": "carol.new@example.com",
    "left": 9,
    "failures": 100,
    "count": 3,
    "minutes": 15,
}
AT_ONCE = (0.0, 0.0, 0.0)
CLOSED_PORT = 1


def emails() -> list[str]:
    """The names of their templates."""
    return sorted(path.stem for path in (TEMPLATES / "emails").glob("[!_]*"))


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
    """A mailer that retries at once."""
    mailer = Mailer(settings, **{"retry_seconds": AT_ONCE, **more})
    yield mailer
    await mailer.close()


async def send(settings: Settings, to: str = CAROL) -> None:
    """Send an email, and wait until it is sent or given up."""
    async with mailing(settings) as mailer:
        mailer.send_later(to, "verify_email", CONTEXT)
        await mailer.idle(seconds=10)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return found.get_content()
