"""What is checked of all settings: addresses, settings that exclude each other, and what production requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat.settings.secret_key import is_guessable
from chat.settings.sign_up import SignUp

if TYPE_CHECKING:
    from chat.settings import Settings

KEY_ADVICE = "set the output of `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
ONLY_FOR_DEVELOPMENT = "is for development only: remove it, and create administrators with `chat create-admin`"


def malformed_urls(settings: Settings) -> list[str]:
    """Addresses that do not begin as they must; what follows is checked by those who connect."""
    schemes = {
        "database_url": ("postgres", "postgresql"),
        "database_migrate_url": ("postgres", "postgresql"),
        "redis_url": ("redis", "rediss", "unix", "valkey", "valkeys"),
        "openai_base_url": ("http", "https"),
        "public_url": ("http", "https"),
        "sentry_dsn": ("http", "https"),
        "otel_exporter_otlp_endpoint": ("http", "https"),
    }
    return [
        f"{name.upper()} must start with {' or '.join(f'{scheme}://' for scheme in allowed)}"
        for name, allowed in schemes.items()
        if (url := getattr(settings, name)) and url.partition("://")[0].lower() not in allowed
    ]


def contradictions(settings: Settings, *, already: set[str]) -> list[str]:
    """Settings that exclude each other; variables in `already` have a complaint and get no second one."""
    is_domain, unconfirmed = settings.sign_up is SignUp.DOMAIN, not settings.email_verification_required
    checks = [
        ("SIGNUP", is_domain and unconfirmed,
         "is domain, but no address would be confirmed: set EMAIL_VERIFICATION_REQUIRED=True"),
        ("SIGNUP_DOMAINS", is_domain and not settings.signup_domains,
         "is missing: SIGNUP is domain. List the domains, like example.com,*.example.org"),
        ("SIGNUP_DOMAINS", bool(settings.signup_domains) and not is_domain and "SIGNUP" not in already,
         f"is set, but SIGNUP is {settings.signup or 'unset'}: set SIGNUP=domain, or unset SIGNUP_DOMAINS"),
        ("REDIS_TLS_VERIFY",
         settings.redis_tls_verify != "on" and settings.redis_url.startswith(("redis:", "valkey:", "unix:")),
         "is set, but REDIS_URL has no TLS: write rediss://, or unset REDIS_TLS_VERIFY"),
    ]  # fmt: skip
    return [f"{name} {problem}" for name, wrong, problem in checks if wrong and name not in already]


def unfit_for_production(settings: Settings, *, already: set[str]) -> list[str]:
    """What a public site must not start with; variables in `already` have a complaint and get no second one."""
    has_models = bool(settings.models_file or settings.models_toml)
    checks = [
        ("SECRET_KEY", not settings.secret_key, f"is missing: {KEY_ADVICE}"),
        ("SECRET_KEY", bool(settings.secret_key) and is_guessable(settings.secret_key),
         f"is too short or guessable: {KEY_ADVICE}"),
        ("SECRET_KEY_FALLBACKS", any(map(is_guessable, settings.secret_key_fallbacks)),
         "has a key that is too short or guessable: remove it, which logs everyone out"),
        ("METRICS_TOKEN", bool(settings.metrics_token) and is_guessable(settings.metrics_token),
         f"is too short or guessable: {KEY_ADVICE}"),
        ("PUBLIC_URL", not settings.public_url, "is missing: links in emails start with it"),
        ("PUBLIC_URL", settings.public_url.startswith("http:"), "must be https in production"),
        ("DATABASE_URL", not settings.database_url, "is missing: a PostgreSQL database is needed"),
        ("REDIS_URL", not settings.redis_url, "is missing: a Redis or Valkey server is needed"),
        ("OPENAI_API_KEY", not (settings.openai_api_key or has_models),
         "is missing: no model can answer without it"),
        ("SIGNUP", settings.signup is None,
         f"is missing: say who may sign up. Choose one of {', '.join(SignUp)}"),
        ("RATE_LIMITS", not settings.rate_limits, "is off: rate limits must be on in production"),
        ("EMAIL_BACKEND", settings.email_verification_required and settings.email_backend == "console",
         "is console, so no one could confirm an address: set smtp, or EMAIL_VERIFICATION_REQUIRED=False"),
        ("SMTP_HOST", settings.email_backend == "smtp" and not settings.smtp_host, "is missing: EMAIL_BACKEND is smtp"),
        ("DEFAULT_FROM_EMAIL", settings.email_backend == "smtp" and not settings.default_from_email,
         "is missing: EMAIL_BACKEND is smtp"),
        ("SMTP_TLS", settings.smtp_tls == "none" and bool(settings.smtp_password),
         "is none, so SMTP_PASSWORD would be sent unencrypted: set starttls or tls"),
        ("DEV_SUPERUSER_EMAIL", bool(settings.dev_superuser_email), ONLY_FOR_DEVELOPMENT),
        ("DEV_SUPERUSER_PASSWORD", bool(settings.dev_superuser_password), ONLY_FOR_DEVELOPMENT),
    ]  # fmt: skip
    return [f"{name} {problem}" for name, wrong, problem in checks if wrong and name not in already]
