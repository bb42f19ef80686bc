"""How emails are delivered, retried while the mail server or the database is unavailable, and drained at a stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from chat import mailer as mailer_module
from chat.database import DatabaseUnavailable
from chat.mailer import Email, Mailer
from tests.support import patches
from tests.support.mailbox import Mailbox
from tests.support.mailing import AT_ONCE, CAROL, CONTEXT, TOKEN, URL, mailing, part, send, settings
from tests.support.waiting import eventually


async def test_an_email_is_delivered() -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port))
        message = await mailbox.next_email(CAROL)

    assert message["Subject"] == "Confirm your email address for Quart Chat"
    assert URL in part(message, "plain")
    assert mailbox.encrypted is False


async def test_an_international_domain_is_sent_in_ascii() -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port), to="carol@straße.example.com")

        assert (await mailbox.next_email("carol@xn--strae-oqa.example.com"))["To"] == "carol@xn--strae-oqa.example.com"


# Retries


async def test_an_unavailable_server_gets_four_attempts_and_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await send(settings())

    attempts = [record for record in caplog.records if record.name == "chat.mailer"]
    assert [record.levelname for record in attempts] == ["WARNING", "WARNING", "WARNING", "ERROR"]
    assert "verify_email to c…@example.com" in attempts[-1].getMessage()
    assert "gave up after attempt 4" in attempts[-1].getMessage()
    assert CAROL not in caplog.text
    assert TOKEN not in caplog.text


async def test_waits_between_attempts_grow() -> None:
    waits = mailer_module.RETRY_SECONDS

    assert len(waits) == 3
    assert all(later > 3 * earlier for earlier, later in pairwise(waits))


async def test_a_server_that_comes_up_gets_the_email_in_the_next_attempt() -> None:
    async with Mailbox.listening() as mailbox:
        port = mailbox.port
    async with mailing(settings(port), retry_seconds=(0.2, 1.0, 3.0)) as mailer:
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        # The first attempt fails without a trace.
        await asyncio.sleep(mailer_module.AFTER_RESPONSE_SECONDS + 0.05)
        async with Mailbox.listening(port=port) as mailbox:
            await mailbox.next_email(CAROL)
            await mailer.idle(seconds=20)


async def test_a_temporary_refusal_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        mailbox.refusals.extend(["451 4.7.1 Greylisted, try later", "421 Too busy"])
        await send(settings(mailbox.port))
        await mailbox.next_email(CAROL)

    assert mailbox.attempts == 3
    assert "Greylisted" in caplog.text


async def test_a_permanent_refusal_is_not_retried(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        mailbox.refusals.append(f"550 5.1.1 <{CAROL}>: no such user here")
        await send(settings(mailbox.port))

    assert mailbox.attempts == 1
    assert mailbox.is_empty(CAROL)
    assert "<c…@example.com>: no such user here" in caplog.text
    assert CAROL not in caplog.text


@pytest.mark.parametrize("until", [b"", b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_a_connection_that_closes_midway_is_retried(until: bytes) -> None:
    async with Mailbox.listening() as mailbox, breaking_off(mailbox, until) as port:
        await send(settings(port))
        await mailbox.next_email(CAROL)

        assert mailbox.is_empty(CAROL)


async def test_an_accepted_email_is_not_sent_twice_if_quit_fails() -> None:
    async with Mailbox.listening() as mailbox, breaking_off(mailbox, b"QUIT") as port:
        await send(settings(port))
        await mailbox.next_email(CAROL)

        assert mailbox.is_empty(CAROL)
        assert mailbox.attempts == 1


@asynccontextmanager
async def breaking_off(mailbox: Mailbox, until: bytes) -> AsyncIterator[int]:
    """A proxy in front of the mail server that closes the first connection at this command, or before the greeting."""
    first = iter((True,))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        breaks = next(first, False)
        if not (breaks and not until):
            server_reader, server_writer = await asyncio.open_connection(mailbox.host, mailbox.port)
            replies = asyncio.create_task(copy(server_reader, writer))
            while (line := await reader.readline()) and not (breaks and line.upper().startswith(until)):
                server_writer.write(line)
            server_writer.close()
            await replies
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Writing:
    """A writer whose database is unavailable at first."""

    def __init__(self, failures: int) -> None:
        self.attempts, self._failures = 0, failures

    async def __call__(self) -> Email:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise DatabaseUnavailable("the connection was lost")
        return Email(CAROL, "verify_email", CONTEXT)


async def test_a_writer_is_retried_while_the_database_is_unavailable() -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailer.write_later("sign_up", writing := Writing(failures=2))
        await mailbox.next_email(CAROL)

    assert writing.attempts == 3
    assert mailbox.attempts == 1


async def test_a_writer_that_keeps_failing_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with mailing(settings()) as mailer:
        mailer.write_later("sign_up", writing := Writing(failures=9))
        await mailer.idle(seconds=10)

    assert writing.attempts == len(AT_ONCE) + 1
    assert "sign_up was not written, gave up after attempt 4: DatabaseUnavailable" in caplog.records[-1].getMessage()


async def test_an_error_in_one_email_is_logged_and_does_not_stop_others(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailer.send_later(CAROL, "verify_email", {})
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await mailbox.next_email(CAROL)

    assert "'lifetime' is undefined" in caplog.text


async def test_emails_over_the_limit_are_dropped_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.WAITING_MAX.replace(monkeypatch, 3)
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        for _ in range(5):
            mailer.send_later(CAROL, "verify_email", CONTEXT)
        await mailer.idle(seconds=20)

    assert mailbox.attempts == 3
    assert [record.levelname for record in caplog.records if "dropped" in record.message] == ["ERROR", "ERROR"]


async def test_a_flood_opens_few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port)) as mailer:
        mailbox.awake.clear()
        for _ in range(20):
            mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.attempts == mailer_module.CONNECTIONS)
        await asyncio.sleep(0.1)  # proves that no further connection is opened
        assert mailbox.attempts == mailer_module.CONNECTIONS
        mailbox.awake.set()
        await mailer.idle(seconds=20)

    assert mailbox.attempts == 20


async def test_a_silent_server_times_out(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.REPLY_SECONDS.replace(monkeypatch, 0.1)
    async with Mailbox.listening() as mailbox:
        mailbox.awake.clear()
        await send(settings(mailbox.port))
        mailbox.awake.set()

    assert "gave up after attempt 4" in caplog.text


# Stopping


async def test_a_stopping_server_makes_the_last_attempts_at_once() -> None:
    async with Mailbox.listening() as mailbox, mailing(settings(mailbox.port), retry_seconds=(60,)) as mailer:
        mailbox.refusals.append("451 later")
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.attempts == 1)
        await mailer.drain(seconds=20)
        await mailbox.next_email(CAROL)  # its timeout is shorter than the pause


async def test_an_attempt_that_began_before_the_stop_is_not_the_last() -> None:
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


async def test_a_stopping_server_waits_for_a_limited_time_and_logs_the_rest(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.CLOSE_SECONDS.replace(monkeypatch, 0.1)
    async with Mailbox.listening() as mailbox:
        mailbox.awake.clear()
        mailer = Mailer(settings(mailbox.port))
        mailer.send_later(CAROL, "verify_email", CONTEXT)
        await eventually(lambda: mailbox.attempts == 1)
        began = time.monotonic()
        await mailer.close()
        mailbox.awake.set()

    assert time.monotonic() - began < 15, "the mail server has 20 s for each reply"
    assert "Emails not sent because the server is stopping: 1" in caplog.text
