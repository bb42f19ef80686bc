"""Every setting, once: name, type, default and meaning. What production requires of it is in `checks.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from decimal import Decimal
from typing import Any, get_type_hints

from chat.llm.catalogue import DEFAULT_MODEL, Catalogue
from chat.llm.price import PriceList
from chat.settings import checks
from chat.settings.models import declared_models
from chat.settings.parsing import Origin, Sender, TlsVerify, parser_of
from chat.settings.sign_up import Domains, SignUp
from chat.settings.starters import Starters

MODEL_MAX_LENGTH = 100  # the length of the columns that store a model's name


class SettingsError(Exception):
    """One or more variables are missing or wrong; the message names each of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The settings need attention:\n" + "\n".join(f"  - {problem}" for problem in problems))


def setting(default: Any, help: str, *, group: str = "", secret: bool = False, **limits: Any) -> Any:  # noqa: A002
    """Declare one setting; `limits` are minimum, maximum, choices, longest (characters in a name), and may_be_empty
    (an empty variable is a value rather than unset).
    """
    return field(default=default, repr=not secret, metadata={"help": help, "group": group, "secret": secret, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment, parsed. A field's variable is its name in capitals; an empty variable counts as unset
    unless the setting may be empty.
    """

    debug: bool = setting(
        False,
        "Development: cookies over plain http, no production checks. `chat dev` turns it on.",
        group="Server",
    )
    secret_key: str = setting(
        "",
        "Signs the session cookie. At least 32 random bytes. Changing it logs everyone out and breaks authenticator "
        "apps, unless the old key stays in `SECRET_KEY_FALLBACKS`. "
        "Generate one with `python -c 'import secrets; print(secrets.token_urlsafe(48))'`.",
        secret=True,
    )
    secret_key_fallbacks: tuple[str, ...] = setting(
        (),
        "Former keys that are still accepted, separated by commas: sessions and authenticator apps survive a change of "
        "`SECRET_KEY`. Never a key that has leaked.",
        secret=True,
    )
    public_url: Origin = setting(
        "", "The site's address, like `https://chat.example.com`. Links in emails start with it."
    )
    host: str = setting("127.0.0.1", "Address to listen on. `chat serve` on a PaaS wants `0.0.0.0`.")
    port: int = setting(8000, "Port to listen on.", minimum=1, maximum=65535)
    web_concurrency: int = setting(1, "Number of server processes that share the port.", minimum=1, maximum=64)
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "Host names to answer in addition to that of `PUBLIC_URL`, separated by commas. In development the names of "
        "this machine always work.",
    )
    csrf_trusted_origins: tuple[str, ...] = setting(
        (), "Origins that may post forms and open websockets, in addition to the site's own, separated by commas."
    )
    trusted_proxies: int = setting(
        0,
        "Number of reverse proxies in front of the site (1 on most PaaS): how many X-Forwarded-* hops to trust, "
        "counted from the right.",
        minimum=0,
        maximum=8,
    )
    people_per_address: int = setting(
        1,
        "How many people may share one network address, as in an office: limits that count visitors by address are "
        "multiplied by it, but not those on wrong passwords and codes.",
        minimum=1,
        maximum=10_000,
    )
    rate_limits: bool = setting(True, "`off` lifts every rate limit, for benchmarks. Not allowed in production.")
    drain_seconds: int = setting(
        18, "After SIGTERM, how many seconds running replies may continue before they are ended.", minimum=0, maximum=25
    )
    log_level: str = setting("INFO", "Log level.", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    log_format: str = setting(
        "",
        "`text` (lines to read) or `json` (a JSON object a line). Unset: `text` on a terminal, `json` elsewhere.",
        choices=("text", "json"),
    )
    access_log: bool = setting(
        True,
        "Log each request and websocket, except health checks and files that were found. `off` if a proxy does that.",
    )
    metrics_token: str = setting(
        "",
        "A password for `/metrics`, which Prometheus sends as a bearer token. Unset: there is no such page. "
        "`docs/operations.md` has the metrics. Generate one as for `SECRET_KEY`.",
        secret=True,
    )
    sentry_dsn: str = setting(
        "",
        "Where errors are reported: the DSN of a project in Sentry, or a compatible server. Needs the extra `sentry`. "
        "No text, address or variable is sent: see `docs/operations.md`. Unset: nothing is reported.",
        secret=True,
    )
    otel_exporter_otlp_endpoint: str = setting(
        "",
        "Where traces are sent: the address of an OpenTelemetry collector that takes OTLP over HTTP, like "
        "`http://127.0.0.1:4318`. Needs the extra `otel`. No text or address is sent: see `docs/operations.md`. "
        "Unset: nothing is traced.",
        secret=True,
    )
    site_name: str = setting("Quart Chat", "The site's name, in page titles and emails.")
    site_notice: str = setting("", "A notice shown to everyone above the composer.")
    starters: Starters = setting(
        Starters.parse(
            "Explain compound interest with an example | Plan a week of quick vegetarian dinners | "
            "Help me write a friendly reminder | What time is it in Tokyo and in New York?"
        ),
        "Up to four messages that an empty chat suggests, separated by `|`. A click puts one into the message field. "
        "Set it to nothing (`STARTERS=`) to suggest none.",
        may_be_empty=True,
    )

    database_url: str = setting(
        "",
        "PostgreSQL, like `postgres://user:password@host:5432/name?sslmode=require`. "
        "Unset in development: an embedded server with its data in `var/`. Behind pgbouncer or another pooler in "
        "transaction mode, add `pgbouncer=true`. `docs/stores.md` lists what may follow the `?`.",
        group="Stores",
        secret=True,
    )
    database_migrate_url: str = setting(
        "",
        "PostgreSQL without a pooler in between, or as another user, for `chat migrate` alone. Unset: `DATABASE_URL`.",
        secret=True,
    )
    database_pool_size: int = setting(
        10,
        "How many connections to PostgreSQL each server process opens at most, in addition to one for leases and "
        "health checks. With more processes, lower it: `docs/deploy.md` has the sum.",
        minimum=2,
        maximum=100,
    )
    redis_url: str = setting(
        "",
        "Redis or Valkey, `redis://` or `rediss://`. Unset in development: an embedded Valkey with its data in `var/`.",
        secret=True,
    )
    redis_tls_verify: TlsVerify = setting(
        TlsVerify("on"),
        "Whether the certificate of a `rediss://` server is verified: `on`, `off` (for the self-signed one of Heroku "
        "Key-Value Store; the log warns), or the path of a file with the certificate of your own authority.",
    )

    models_file: str = setting(
        "",
        "Path of a TOML file with several providers and their models, instead of `OPENAI_BASE_URL`, `LLM_MODEL`, "
        "`LLM_MODELS` and `LLM_TITLE_MODEL`: see `docs/models.md`.",
        group="Model",
    )
    models_toml: str = setting("", "The contents of that file, for hosts where you can't add one.")
    openai_api_key: str = setting(
        "",
        "API key of the model provider. Unset in development: the offline model answers. "
        "For a compatible server that needs no key, any word will do.",
        secret=True,
    )
    openai_base_url: str = setting(
        "", "Base URL of any server of the Responses API, like `https://host/v1`. Unset: OpenAI."
    )
    llm_model: str = setting(DEFAULT_MODEL, "The default model.", longest=MODEL_MAX_LENGTH)
    llm_models: tuple[str, ...] = setting(
        (),
        "Other models that users can choose, separated by commas. Unset: no choice.",
        longest=MODEL_MAX_LENGTH,
    )
    llm_reasoning_effort: str = setting(
        "",
        "How much a reasoning model thinks before it answers. Unset: the provider's default.",
        choices=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    )
    llm_background: bool = setting(
        False,
        "Run answers in the provider's background mode, so that they survive a lost connection, a restart or a killed "
        "worker. The provider stores them for this, and the first word may come later.",
    )
    llm_titles: bool = setting(True, "Let a model write chat titles. Otherwise a title is the first words of the chat.")
    llm_title_model: str = setting(
        "", "Model that writes chat titles; a small one is enough. Unset: `LLM_MODEL`.", longest=MODEL_MAX_LENGTH
    )
    llm_max_output_tokens: int = setting(
        8192,
        "Maximum number of output tokens per model call. Fewer if the model's context has less room.",
        minimum=16,
        maximum=200_000,
    )
    llm_timeout_seconds: int = setting(
        300,
        "How many seconds the model may send nothing, before its first event and between events. Any byte counts, "
        "including a keepalive. A local model can take minutes to read a long prompt.",
        minimum=5,
        maximum=3_600,
    )
    stream_flush_ms: int = setting(
        50,
        "How many milliseconds of streamed text are sent as one event. With more than 50 answers in a process "
        "it is longer in proportion, up to 200.",
        minimum=5,
        maximum=1000,
    )
    chat_history_tokens: int = setting(
        20_000,
        "How many tokens of the conversation the model is shown, counted from the newest message. Fewer if "
        "the model's context is known to be smaller.",
        minimum=500,
    )
    llm_prices: PriceList = setting(
        (),
        "Prices in USD per million tokens, for models that the built-in price list does not have or that cost you "
        "something else: `model=input/output`, `model=input/cached/output` or `model=input/cached/write/output` (a "
        "write to the provider's cache), separated by commas. A name includes its dated versions; `name*` includes "
        "every name that starts with it.",
    )
    llm_monthly_budget: Decimal | None = setting(
        None, "Budget in USD per user and calendar month (UTC). Unset: no limit.", minimum=0
    )
    llm_concurrent_replies: int = setting(
        2, "How many answers may be running for one user at the same time.", minimum=1, maximum=1000
    )
    llm_replies_per_process: int = setting(
        100,
        "How many answers one server process writes at once. Further messages wait in their tabs, which say that the "
        "site is busy. Lower it for a slow CPU; for more answers, raise `WEB_CONCURRENCY`.",
        minimum=1,
        maximum=10_000,
    )
    llm_log_text: bool = setting(False, "Store the input of each model call in its log, in addition to the output.")
    test_apis: bool = setting(False, "Let `tests/live/` call the real API, which costs money.")

    signup: SignUp | None = setting(
        None,
        "Who may sign up: `open` (anyone), `invite` (people with an invitation), `domain` (addresses in "
        "`SIGNUP_DOMAINS`), `approval` (anyone, and an administrator approves each account) or `closed` (no one). "
        "Required in production. Unset in development: `open`.",
        group="Accounts and email",
    )
    signup_domains: Domains = setting(
        Domains(()),
        "For `SIGNUP=domain`: the domains of the addresses that may sign up, separated by commas, like "
        "`example.com,*.example.org`. `*.` stands for subdomains at any depth, without the domain itself.",
    )
    email_verification_required: bool = setting(
        True,
        "New accounts confirm their email address before the first login. `chat dev` turns this off by default.",
    )
    email_verification_timeout: int = setting(
        86_400, "Lifetime of the link that confirms an address, in seconds.", minimum=60
    )
    password_reset_timeout: int = setting(3_600, "Lifetime of a password reset link, in seconds.", minimum=60)
    password_min_length: int = setting(8, "Minimum password length in characters; at least 8.", minimum=8, maximum=128)
    email_backend: str = setting(
        "console", "`console` prints emails to the terminal, `smtp` sends them.", choices=("console", "smtp")
    )
    default_from_email: Sender | None = setting(None, "Sender of the site's emails, like `Chat <noreply@example.com>`.")
    smtp_host: str = setting("", "Host name of the mail server.")
    smtp_port: int = setting(587, "Port of the mail server.", minimum=1, maximum=65535)
    smtp_tls: str = setting(
        "starttls", "`starttls` (port 587), `tls` (port 465) or `none`.", choices=("starttls", "tls", "none")
    )
    smtp_username: str = setting("", "User name at the mail server, if it needs one.")
    smtp_password: str = setting("", "Password at the mail server.", secret=True)
    dev_superuser_email: str = setting("", "Development only: `chat dev` creates this administrator when it starts.")
    dev_superuser_password: str = setting("", "Development only: the password of that administrator.", secret=True)

    declared_models: Catalogue | None = None  # of the models file

    @property
    def sign_up(self) -> SignUp:
        """Who may sign up."""
        return self.signup or SignUp.OPEN

    @property
    def models(self) -> tuple[str, ...]:
        """The models that users can choose; the first is the default."""
        return tuple(model.name for model in self.catalogue.offered)

    @property
    def catalogue(self) -> Catalogue:
        """All models and their providers."""
        return self.declared_models or Catalogue.single(
            api_key=self.openai_api_key,
            key_env="OPENAI_API_KEY" if self.openai_api_key else "",
            base_url=self.openai_base_url,
            models=(self.llm_model, *self.llm_models),
            title_model=self.llm_title_model,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check everything at once. Raises SettingsError with all problems."""
        problems: list[str] = []
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in variables():
            text = environment.get(variable(item), "").strip()
            if not text and not (item.metadata.get("may_be_empty") and variable(item) in environment):
                continue
            try:
                values[item.name] = _within_limits(parser_of(hints[item.name])(text), item)
            except ValueError as error:
                problems.append(f"{variable(item)} {error}")
        settings = cls(**values, declared_models=declared_models(environment, problems))
        problems += checks.malformed_urls(settings)
        problems += checks.contradictions(settings, already={problem.split()[0] for problem in problems})
        if not settings.debug:
            problems += checks.unfit_for_production(settings, already={problem.split()[0] for problem in problems})
        if problems:
            raise SettingsError(problems)
        return settings


def variables() -> list[Field[Any]]:
    """The fields that the environment sets."""
    return [item for item in fields(Settings) if item.metadata]


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
        raise ValueError(f"is {value}: the minimum is {limits['minimum']}")
    if "maximum" in limits and value > limits["maximum"]:
        raise ValueError(f"is {value}: the maximum is {limits['maximum']}")
    return value
