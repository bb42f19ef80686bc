"""Every setting, once: its name, type, default, meaning and what production demands of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from decimal import Decimal
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from chat.settings.parsing import PARSERS, Origin, PriceList, Sender

MODEL_MAX_LENGTH = 100  # what its columns hold
SECRET_KEY_MIN_BYTES = 32
SECRET_KEY_MIN_DISTINCT = 8  # "aaaa…" and "changeme" repeated are long and still weak
ONLY_FOR_DEVELOPMENT = "is for development only: remove it, and make administrators with `chat create-admin`"


class SettingsError(Exception):
    """One or more variables are missing or wrong; the message names every one of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The settings need attention:\n" + "\n".join(f"  - {problem}" for problem in problems))


def setting(default: Any, help: str, *, group: str = "", secret: bool = False, **limits: Any) -> Any:  # noqa: A002
    """Declare one setting; `limits` are minimum, maximum, choices and longest (of a name)."""
    return field(default=default, repr=not secret, metadata={"help": help, "group": group, "secret": secret, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says. The variable of a field is its name in capitals; an empty variable counts as unset."""

    debug: bool = setting(
        False, "Development: `chat dev` turns it on. Plain http cookies, no production checks.", group="Server"
    )
    secret_key: str = setting(
        "",
        "Signs the session cookie. 32 random bytes or more; changing it signs everybody out, and of second factors "
        "only the recovery codes go on working. "
        "`python -c 'import secrets; print(secrets.token_urlsafe(48))'` makes one.",
        secret=True,
    )
    public_url: Origin = setting(
        "", "Where people reach the site, like `https://chat.example.com`. Links in e-mails are built from it."
    )
    host: str = setting("127.0.0.1", "Address to listen on. `chat serve` on a PaaS wants `0.0.0.0`.")
    port: int = setting(8000, "Port to listen on.", minimum=1, maximum=65535)
    web_concurrency: int = setting(1, "Number of server processes on the one port.", minimum=1, maximum=64)
    allowed_hosts: tuple[str, ...] = setting(
        (), "Host names that are answered, by commas, besides that of `PUBLIC_URL`. Empty in development: any."
    )
    csrf_trusted_origins: tuple[str, ...] = setting(
        (), "Origins that may post forms and open sockets, by commas, besides the site's own."
    )
    trusted_proxies: int = setting(
        0,
        "Reverse proxies in front (1 on most PaaS): so many X-Forwarded-* hops, from the right, are believed.",
        minimum=0,
        maximum=8,
    )
    rate_limits: bool = setting(True, "`off` lifts every throttle, for benchmarks; production refuses that.")
    drain_seconds: int = setting(
        18, "On SIGTERM, how long running replies may go on before they are ended.", minimum=0, maximum=25
    )
    log_level: str = setting("INFO", "How much is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    site_name: str = setting("Quart Chat", "The name in the title bar and in e-mails.")
    site_notice: str = setting("", "A sentence shown to everyone above the composer.")

    database_url: str = setting(
        "",
        "PostgreSQL, like `postgres://user:password@host:5432/name?sslmode=require`. "
        "Unset in development: an embedded one, in `var/`.",
        group="Stores",
        secret=True,
    )
    redis_url: str = setting(
        "",
        "Redis or Valkey, `redis://` or `rediss://`. Unset in development: an embedded Valkey, in `var/`.",
        secret=True,
    )

    openai_api_key: str = setting(
        "",
        "Key for the model's API. Unset in development: the offline model answers. "
        "Any word will do for a compatible server that asks for none.",
        group="Model",
        secret=True,
    )
    openai_base_url: str = setting(
        "", "Any server that speaks the Responses API, like `https://host/v1`. Unset: OpenAI's own."
    )
    llm_model: str = setting("gpt-5-mini", "The model that answers.", longest=MODEL_MAX_LENGTH)
    llm_models: tuple[str, ...] = setting(
        (),
        "Models that users can choose from, by commas, besides `LLM_MODEL`. Empty: there is no choice.",
        longest=MODEL_MAX_LENGTH,
    )
    llm_reasoning_effort: str = setting(
        "",
        "How much a reasoning model thinks before it answers. Unset: as the provider has it.",
        choices=("none", "minimal", "low", "medium", "high", "xhigh"),
    )
    llm_background: bool = setting(
        False,
        "Let answers be written at the provider in the background: a lost connection, a restart or a killed worker "
        "does not end them. The provider stores them for that, and the first word may come later.",
    )
    llm_titles: bool = setting(True, "Let a model write the titles of threads; otherwise they are the first words.")
    llm_title_model: str = setting(
        "", "The model that does, a small one. Unset: `LLM_MODEL`.", longest=MODEL_MAX_LENGTH
    )
    llm_max_output_tokens: int = setting(
        8192, "The most tokens that one model call may write.", minimum=16, maximum=200_000
    )
    stream_flush_ms: int = setting(
        50, "Pieces of an answer that arrive within so many milliseconds travel as one event.", minimum=5, maximum=1000
    )
    chat_history_tokens: int = setting(
        20_000, "How much of the conversation the model is shown, in tokens, newest first.", minimum=500
    )
    llm_prices: PriceList = setting(
        (),
        "USD for a million tokens, where the price list that comes with the site does not know a model or you pay "
        "otherwise: `model=input/output` or `model=input/cached/output`, by commas. A name stands for its dated "
        "versions too, and `name*` for all that begin so.",
    )
    llm_monthly_budget: Decimal | None = setting(
        None, "USD that each user may spend in a calendar month (UTC). Unset: no limit.", minimum=0
    )
    llm_concurrent_replies: int = setting(
        2, "How many answers can be written for one user at the same time.", minimum=1, maximum=1000
    )
    llm_log_text: bool = setting(
        False, "Keep what the model was sent, besides what it answered, with the log of each call."
    )
    test_apis: bool = setting(False, "Let `tests/live/` call the real API; that costs money.")

    email_verification_required: bool = setting(
        True,
        "New accounts confirm their address by a link before the first login. `chat dev` turns it off by default.",
        group="Accounts and e-mail",
    )
    email_verification_timeout: int = setting(86_400, "How long that link works, in seconds.", minimum=60)
    password_reset_timeout: int = setting(3_600, "How long a password reset link works, in seconds.", minimum=60)
    password_min_length: int = setting(8, "Shortest password, in characters; 8 is the least.", minimum=8, maximum=128)
    email_backend: str = setting(
        "console", "`console` prints e-mails to the terminal, `smtp` sends them.", choices=("console", "smtp")
    )
    default_from_email: Sender | None = setting(
        None, "Sender of the site's e-mails, like `Chat <noreply@example.com>`."
    )
    smtp_host: str = setting("", "Mail server.")
    smtp_port: int = setting(587, "Its port.", minimum=1, maximum=65535)
    smtp_tls: str = setting(
        "starttls", "`starttls` (port 587), `tls` (port 465) or `none`.", choices=("starttls", "tls", "none")
    )
    smtp_username: str = setting("", "Login at the mail server, if it wants one.")
    smtp_password: str = setting("", "And the password.", secret=True)
    dev_superuser_email: str = setting("", "Development only: this administrator is made at the start.")
    dev_superuser_password: str = setting("", "Development only: the password of that administrator.", secret=True)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that can be asked; the first one is the default."""
        return tuple(dict.fromkeys((self.llm_model, *self.llm_models)))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check everything at once. Raises SettingsError with the whole list of what is wrong."""
        problems: list[str] = []
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in fields(cls):
            text = environment.get(variable(item), "").strip()
            if not text:
                continue
            try:
                values[item.name] = _within_limits(PARSERS[hints[item.name]](text), item)
            except ValueError as error:
                problems.append(f"{variable(item)} {error}")
        settings = cls(**values)
        problems += _malformed_urls(settings)
        if not settings.debug:
            problems += _unfit_for_production(settings, already={problem.split()[0] for problem in problems})
        if problems:
            raise SettingsError(problems)
        return settings


def variable(item: Field[Any]) -> str:
    """The environment variable of a field."""
    return item.name.upper()


def _within_limits(value: Any, item: Field[Any]) -> Any:
    limits = item.metadata
    if "choices" in limits and value not in limits["choices"]:
        raise ValueError(f"is {value!r}: choose one of {', '.join(limits['choices'])}")
    if "longest" in limits and any(
        len(name) > limits["longest"] for name in ([value] if isinstance(value, str) else value)
    ):
        raise ValueError(f"has a name of more than {limits['longest']} characters")
    if "minimum" in limits and value < limits["minimum"]:
        raise ValueError(f"is {value}: at least {limits['minimum']} is needed")
    if "maximum" in limits and value > limits["maximum"]:
        raise ValueError(f"is {value}: at most {limits['maximum']} is possible")
    return value


def _malformed_urls(settings: Settings) -> list[str]:
    schemes = {
        "database_url": ("postgres", "postgresql"),
        "redis_url": ("redis", "rediss", "unix"),
        "openai_base_url": ("http", "https"),
        "public_url": ("http", "https"),
    }
    return [
        f"{name.upper()} has to start with {' or '.join(f'{scheme}://' for scheme in allowed)}"
        for name, allowed in schemes.items()
        if getattr(settings, name) and urlsplit(getattr(settings, name)).scheme not in allowed
    ]


def _unfit_for_production(settings: Settings, *, already: set[str]) -> list[str]:
    """What a public site must not start without; `already` names variables with a complaint, which get no second."""
    key = settings.secret_key
    weak_key = len(key.encode()) < SECRET_KEY_MIN_BYTES or len(set(key)) < SECRET_KEY_MIN_DISTINCT
    checks = [
        ("SECRET_KEY", weak_key, f"is missing or weak: {SECRET_KEY_MIN_BYTES} random bytes are needed"),
        ("PUBLIC_URL", not settings.public_url, "is missing: links in e-mails are built from it"),
        ("PUBLIC_URL", settings.public_url.startswith("http:"), "has to be https in production"),
        ("DATABASE_URL", not settings.database_url, "is missing: a PostgreSQL database is needed"),
        ("REDIS_URL", not settings.redis_url, "is missing: a Redis or Valkey server is needed"),
        ("OPENAI_API_KEY", not settings.openai_api_key, "is missing: without it no model answers"),
        ("RATE_LIMITS", not settings.rate_limits, "is off: production keeps its throttles on"),
        ("EMAIL_BACKEND", settings.email_verification_required and settings.email_backend == "console",
         "is console, so that nobody could verify an address: set smtp, or EMAIL_VERIFICATION_REQUIRED=False"),
        ("SMTP_HOST", settings.email_backend == "smtp" and not settings.smtp_host, "is missing: EMAIL_BACKEND is smtp"),
        ("DEFAULT_FROM_EMAIL", settings.email_backend == "smtp" and not settings.default_from_email,
         "is missing: EMAIL_BACKEND is smtp"),
        ("SMTP_TLS", settings.smtp_tls == "none" and bool(settings.smtp_password),
         "is none, so that SMTP_PASSWORD would travel in the clear: set starttls or tls"),
        ("DEV_SUPERUSER_EMAIL", bool(settings.dev_superuser_email), ONLY_FOR_DEVELOPMENT),
        ("DEV_SUPERUSER_PASSWORD", bool(settings.dev_superuser_password), ONLY_FOR_DEVELOPMENT),
    ]  # fmt: skip
    return [f"{name} {problem}" for name, wrong, problem in checks if wrong and name not in already]
