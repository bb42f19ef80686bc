"""A real SMTP server that keeps what it is given, and can be waited for."""

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
    """Where the e-mails of the tests arrive, told apart by their address.

    `refusals` are what the next recipients are told instead of a yes; without `awake` no message gets an answer.
    """

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.refusals: deque[str] = deque()
        self.awake = asyncio.Event()
        self.awake.set()
        self.tries = 0
        self.encrypted: bool | None = None  # the last message's connection
        self._messages: defaultdict[str, asyncio.Queue[EmailMessage]] = defaultdict(asyncio.Queue)

    @classmethod
    @asynccontextmanager
    async def listening(
        cls, *, port: int = 0, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, **more: Any
    ) -> AsyncIterator[Mailbox]:
        """On a free port or this one, in this event loop; with TLS from the start or after STARTTLS."""
        mailbox, loop = cls(), asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(mailbox, hostname="mail.test", tls_context=starttls, **more)

        async with await loop.create_server(protocol, mailbox.host, port, ssl=tls) as server:
            mailbox.port = server.sockets[0].getsockname()[1]
            yield mailbox

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """What aiosmtpd calls for each recipient."""
        self.tries += 1
        if self.refusals:
            return self.refusals.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """What aiosmtpd calls for each message."""
        await self.awake.wait()
        self.encrypted = server.transport is not None and server.transport.get_extra_info("ssl_object") is not None
        message = message_from_bytes(envelope.original_content or b"", EmailMessage, policy=policy.default)
        for address in envelope.rcpt_tos:
            self._messages[address].put_nowait(message)
        return "250 OK"

    async def next_email(self, address: str) -> EmailMessage:
        """The oldest one that was not taken yet."""
        return await asyncio.wait_for(self._messages[address].get(), ARRIVAL_SECONDS)

    async def next_link(self, address: str) -> str:
        """The path of the link in it, which both of its parts have."""
        message = await self.next_email(address)
        texts = [part.get_content() for part in message.iter_parts()]
        paths = {found[1].rstrip('">') for text in texts if (found := LINK.search(text.replace('">', " ")))}
        assert len(texts) == 2
        assert len(paths) == 1
        return paths.pop()

    def is_empty(self, address: str) -> bool:
        """Whether nothing waits for this address."""
        return self._messages[address].empty()
