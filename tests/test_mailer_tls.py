"""With TLS, emails and the mail server's password are sent to no server without a valid certificate."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from tests.support.certificates import new_certificate, server_context
from tests.support.mailbox import Mailbox
from tests.support.mailing import CAROL, send, settings


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new self-signed certificate for 127.0.0.1, with its key."""
    return new_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    return server_context(certificate)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the certificate, as with a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_with_tls_email_and_password_are_encrypted(mode: str, server_tls: ssl.SSLContext, trusted: None) -> None:
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
async def test_a_server_with_an_untrusted_certificate_receives_nothing(
    mode: str, server_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with Mailbox.listening(**{mode: server_tls}) as mailbox:
        await send(settings(mailbox.port, smtp_tls=mode))

        assert mailbox.attempts == 0
    assert "certificate verify failed" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


async def test_a_certificate_for_another_name_is_rejected(
    server_tls: ssl.SSLContext, trusted: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with Mailbox.listening(starttls=server_tls) as mailbox:
        await send(settings(mailbox.port, smtp_tls="starttls", smtp_host="localhost"))

        assert mailbox.attempts == 0
    assert "certificate" in caplog.text


async def test_a_server_without_starttls_receives_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with Mailbox.listening() as mailbox:
        await send(settings(mailbox.port, smtp_tls="starttls"))

        assert mailbox.attempts == 0
    assert "STARTTLS extension not supported" in caplog.records[-1].getMessage()
