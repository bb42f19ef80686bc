"""The settings that matter to who reads the log of a start; no secret, and of an address the host alone."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from chat.settings import Settings


def summary(settings: Settings) -> dict[str, Any]:
    """What is served, where, and with what."""
    catalogue = settings.catalogue
    return {
        "version": version("chat"),
        "python": platform.python_version(),
        "listening": f"{settings.host}:{settings.port}",
        "public_url": settings.public_url,
        "processes": settings.web_concurrency,
        "trusted_proxies": settings.trusted_proxies,
        "database": urlsplit(settings.database_url).hostname,
        "database_pool": settings.database_pool_size,
        "redis": urlsplit(settings.redis_url).hostname,
        "models": ",".join(model.name for model in catalogue.offered),
        "providers": ",".join(urlsplit(spec.base_url).hostname or "OpenAI" for spec in catalogue.providers),
        "background": settings.llm_background,
        "sign_up": str(settings.sign_up),
        "email": settings.email_backend,
    }
