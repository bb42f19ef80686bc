"""Which host names mean this machine, and whether a development site could be reached under others."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from chat.settings import Settings

EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104  # values of HOST that listen on every interface


def is_local(host: str) -> bool:
    """Whether a host name or address always means the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def exposed_by_debug(settings: Settings) -> list[str]:
    """What must not be combined with DEBUG, except by `chat dev`: DEBUG turns off cookie flags and every check."""
    if not settings.debug:
        return []
    public_host = urlsplit(settings.public_url).hostname or "localhost"
    others = [host for host in settings.allowed_hosts if not is_local(host.lower())]
    reasons = [
        ("HOST", not is_local(settings.host), f"is {settings.host}"),
        ("PUBLIC_URL", not is_local(public_host), f"is {settings.public_url}"),
        ("ALLOWED_HOSTS", bool(others), f"has {', '.join(others)}"),
        ("TRUSTED_PROXIES", settings.trusted_proxies > 0, f"is {settings.trusted_proxies}"),
    ]
    return [
        f"{name} {words}, and DEBUG is on: set DEBUG=False for a site that others can reach, or start `chat dev`"
        for name, wrong, words in reasons
        if wrong
    ]
