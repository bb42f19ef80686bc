"""A real SMTP server that stores the emails it receives; tests wait for them."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

ARRIVAL_SECONDS = 20
LINK = re.compile(r"https?://[^/\s]+(/\S+)")


class Mailbox:
    """Receives the emails of the tests, sorted by recipient.

    `refusals` are the replies to the next recipients instead of "250 OK"; while `awake` is not set, no message gets a
    reply. `attempts` counts recipients.
    """

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.refusals: deque[str] = deque()
        self.awake = asyncio.Event()
        self.awake.set()
        self.attempts = 0
        self.encrypted: bool | None = None  # the last message's connection
        self._messages: defaultdict[str, asyncio.Queue[EmailMessage]] = defaultdict(asyncio.Queue)

    @classmethod
    @asynccontextmanager
    async def listening(
        cls, *, port: int = 0, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, **more: Any
    ) -> AsyncIterator[Mailbox]:
        """Listen on a free port or on `port`, in this event loop; with TLS from the start, or after STARTTLS."""
        mailbox, loop = cls(), asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(mailbox, hostname="mail.test", tls_context=starttls, **more)

        async with await loop.create_server(protocol, mailbox.host, port, ssl=tls) as server:
            mailbox.port = server.sockets[0].getsockname()[1]
            yield mailbox

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Called by aiosmtpd for each recipient."""
        self.attempts += 1
        if self.refusals:
            return self.refusals.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd for each message."""
        await self.awake.wait()
        self.encrypted = server.transport is not None and server.transport.get_extra_info("ssl_object") is not None
        message = message_from_bytes(envelope.original_content or b"", EmailMessage, policy=policy.default)
        for address in envelope.rcpt_tos:
            self._messages[address].put_nowait(message)
        return "250 OK"

    async def next_email(self, address: str) -> EmailMessage:
        """Remove and return the oldest email for this address; wait for one if there is none."""
        return await asyncio.wait_for(self._messages[address].get(), ARRIVAL_SECONDS)

    async def next_link(self, address: str) -> str:
        """The path of the first link in the next email, which is the same in its text and its HTML."""
        message = await self.next_email(address)
        texts = [part.get_content() for part in message.iter_parts()]
        paths = {found[1].rstrip('">') for text in texts if (found := LINK.search(text.replace('">', " ")))}
        assert len(texts) == 2
        assert len(paths) == 1
        return paths.pop()

    def is_empty(self, address: str) -> bool:
        """Whether there is no email for this address."""
        return self._messages[address].empty()
