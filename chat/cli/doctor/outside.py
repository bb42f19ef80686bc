"""What is outside the site: the model providers, the mail server, and the proxy in front."""

from __future__ import annotations

import aiosmtplib
import httpx2

from chat.cli.doctor.findings import Finding, ok, problem, warning
from chat.llm.catalogue import ProviderSpec
from chat.llm.client import LLMClient
from chat.llm.discovery import NoList, offered_models
from chat.llm.errors import CallFailed
from chat.mailer import Mailer
from chat.settings import Settings

MODEL, MAIL, SITE = "model", "mail", "public url"
HTTP_SECONDS = 5.0
MAIL_SECONDS = 8.0
CALL_TOKENS = 16
NOT_A_FAILURE = ("incomplete", "empty")  # 16 tokens may all be reasoning
# What a browser sends; without a cookie the site refuses it, in words that show what has arrived.
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "Y2hhdCBkb2N0b3IgY2hhdA==",
}


async def check_model(settings: Settings, provider: ProviderSpec, *, call: bool) -> list[Finding]:
    """Ask a provider for its models and, with `call`, for an answer of a few tokens, which costs money."""
    check = f"{MODEL} ({provider.name})"
    configured = [model for model in settings.catalogue.models if model.provider == provider.name]
    try:
        offered = {model.id for model in await offered_models(provider, total_seconds=HTTP_SECONDS)}
        lacking = [model.id for model in configured if model.id not in offered]
        found = [ok(check, f"{len(offered)} models, {len(configured)} configured")]
        if lacking:
            found = [warning(check, f"{lacking[0]} is not among its models", "run `chat models` to see which are")]
    except NoList as error:
        found = [_without_list(check, str(error))]
    if call and configured:
        found.append(await _called(check, settings, configured[0].name))
    return found


def _without_list(check: str, why: str) -> Finding:
    if why.startswith("rejects"):
        return problem(check, why, "set a key that works")
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return problem(check, why, "set SSL_CERT_FILE to the certificate of the server's authority")
    if "has no list" in why:
        return warning(check, why, "run `chat doctor --call` to see whether it answers")
    return warning(check, why, "check its base URL; if that is right, no answers are written until it is back")


async def _called(check: str, settings: Settings, model: str) -> Finding:
    client = LLMClient(settings.catalogue)
    try:
        await client.call("Say OK.", model=model, max_output_tokens=CALL_TOKENS, timeout_seconds=MAIL_SECONDS)
    except CallFailed as error:
        if error.code not in NOT_A_FAILURE:
            why = f"{error.code}: {error.detail or error}"
            return problem(check, f"{model} does not answer ({why})", "see docs/models.md")
    finally:
        await client.close()
    return ok(check, f"{model} answers")


async def check_mail(settings: Settings) -> list[Finding]:
    """Connect to the mail server as for an email, log in, and send nothing."""
    if settings.email_backend == "console" or not settings.smtp_host:
        return []
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        await Mailer(settings).check(seconds=MAIL_SECONDS)
    except aiosmtplib.SMTPAuthenticationError as error:
        return [problem(MAIL, f"{where} rejects the login ({_line(error)})", "check SMTP_USERNAME and SMTP_PASSWORD")]
    except (aiosmtplib.SMTPException, OSError) as error:
        return [_no_mail(where, _line(error))]
    return [ok(MAIL, f"{where} accepts the login" if settings.smtp_username else f"{where} answers")]


def _no_mail(where: str, why: str) -> Finding:
    folded = why.lower()
    if "certificate" in folded:
        return problem(MAIL, f"{where}: {why}", "set SSL_CERT_FILE to its authority, and SMTP_HOST to the name in it")
    if "starttls" in folded or "wrong_version_number" in folded or "record layer" in folded:
        return problem(MAIL, f"{where}: {why}", "set SMTP_TLS: starttls (port 587), tls (port 465) or none")
    return warning(MAIL, f"{where}: {why}", "check SMTP_HOST and SMTP_PORT; no email is sent until it answers")


async def check_site(settings: Settings) -> list[Finding]:
    """Visit the site by its public name, as a browser would: a page, and a websocket."""
    if not settings.public_url:
        return []
    try:
        async with httpx2.AsyncClient(timeout=HTTP_SECONDS, follow_redirects=False) as http:
            page = await http.get(f"{settings.public_url}/accounts/login/")
            found = _page(settings.public_url, page)
        if found:
            return [found]
        async with httpx2.AsyncClient(timeout=HTTP_SECONDS, follow_redirects=False) as http:
            address, headers = f"{settings.public_url}/ws/chat/", {**HANDSHAKE, "Origin": settings.public_url}
            async with http.stream("GET", address, headers=headers) as response:
                await response.aread()
        return [_socket(response)]
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        why = _line(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in why:
            return [problem(SITE, f"its certificate is not valid ({why})", "renew it, or send the whole chain")]
        says = f"{settings.public_url} can't be reached ({why})"
        return [warning(SITE, says, "start the site, or check DNS and the proxy")]


def _page(public_url: str, page: httpx2.Response) -> Finding | None:
    """What is wrong with the answer to a request for a page."""
    status, target = page.status_code, page.headers.get("location", "")
    if target.startswith(f"{public_url}/accounts/login/"):
        says = "the site redirects to itself: it believes that the visitor came by http"
        return problem(SITE, says, "let the proxy overwrite X-Forwarded-Proto with https, and set TRUSTED_PROXIES=1")
    if status == httpx2.codes.BAD_REQUEST:
        says = "the site does not know the host name that arrives"
        return problem(SITE, says, "let the proxy pass the Host header, or add the name to ALLOWED_HOSTS")
    if status in (502, 503, 504):
        says = f"the proxy answers with HTTP {status}"
        return warning(SITE, says, "start the site, or check where the proxy looks for it")
    if page.is_redirect:
        return problem(SITE, f"redirects to {target.partition('?')[0]}", "set PUBLIC_URL to the final address")
    if f'data-site="{public_url}"' not in page.text:
        says = f"another site answers there, or one with another PUBLIC_URL (HTTP {status})"
        return problem(SITE, says, "check PUBLIC_URL, DNS and the proxy")
    return None


def _socket(response: httpx2.Response) -> Finding:
    """The site refuses a visitor without a cookie with 403, and a request that is no handshake with 400."""
    if response.status_code == httpx2.codes.FORBIDDEN and response.text.startswith("Log in"):
        return ok(SITE, "pages and websockets arrive")
    if response.status_code == httpx2.codes.FORBIDDEN:
        says = "websockets are refused: their Origin is not the host and scheme that arrive"
        return problem(SITE, says, "let the proxy pass Host, and overwrite X-Forwarded-Proto and -Host")
    if response.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        return warning(SITE, "websockets are refused: the site is restarting", "run `chat doctor` again")
    says = f"the proxy drops the Upgrade header, so no answer would appear (HTTP {response.status_code})"
    return problem(SITE, says, "let the proxy pass websockets: see deploy/nginx.conf and deploy/Caddyfile")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
