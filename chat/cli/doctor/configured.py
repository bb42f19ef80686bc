"""The settings, as far as they can be judged without a connection."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from chat.broadcast.address import is_unverified
from chat.cli.doctor.findings import Finding, ok, problem, warning
from chat.database.address import credentials, ignored
from chat.llm.pricing import Prices
from chat.settings import Settings, SettingsError, variable, variables
from chat.settings.local import exposed_by_debug
from chat.settings.sign_up import SignUp

SETTINGS = "settings"
SHORTEST_SECRET = 6  # characters; a shorter one would be found in ordinary words


def read(environment: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """The settings and what is wrong with them; with wrong ones, what the others say, so that they can be checked."""
    try:
        return Settings.from_environment(environment), []
    except SettingsError as error:
        found = [problem(SETTINGS, *_halves(text)) for text in error.problems]
        wrong = {text.split()[0] for text in error.problems}
    others = {name: value for name, value in environment.items() if name not in wrong} | {"DEBUG": "True"}
    try:
        return Settings.from_environment(others), found
    except SettingsError:
        return None, found


def checked(settings: Settings) -> list[Finding]:
    """What valid settings add up to."""
    found = [*_addresses(settings), *_access(settings)]
    found += [problem(SETTINGS, *_halves(text)) for text in exposed_by_debug(settings)]
    return found or [ok(SETTINGS, "nothing is missing or weak")]


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """What no report may show: secret settings, the passwords in them, and keys of a models file; the longest first."""
    found = set()
    for item in variables():
        value = environment.get(variable(item), "").strip()
        if item.metadata["secret"] and value:
            found |= {value, *_passwords(value)}
    found |= {value.strip() for name, value in environment.items() if name.endswith(("_KEY", "_TOKEN", "_PASSWORD"))}
    return sorted((secret for secret in found if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)


def _passwords(value: str) -> set[str]:
    who = value.partition("://")[2].rpartition("@")[0]
    password = who.partition(":")[2]
    return {password, unquote(password)}


def _halves(text: str) -> tuple[str, str]:
    """A complaint of the settings is often `NAME is wrong: do this`."""
    says, colon, to_do = text.partition(": ")
    return (says, to_do) if colon else (text, "change it")


def _addresses(settings: Settings) -> list[Finding]:
    found = []
    try:
        if settings.database_url:
            credentials(settings.database_url)
            found += [warning(SETTINGS, *_halves(f"DATABASE_URL: {text}")) for text in ignored(settings.database_url)]
        if settings.redis_url and is_unverified(settings.redis_url, settings.redis_tls_verify):
            says = "the certificate of Redis is not verified"
            found.append(warning(SETTINGS, says, "set REDIS_TLS_VERIFY to a file with its authority, if there is one"))
    except SettingsError as error:
        found += [problem(SETTINGS, *_halves(text)) for text in error.problems]
    if urlsplit(settings.public_url).scheme == "https" and not settings.trusted_proxies and not settings.debug:
        says = "PUBLIC_URL is https, so a proxy is in front of the site, and limits count it instead of visitors"
        found.append(warning(SETTINGS, says, "set TRUSTED_PROXIES to the number of proxies, usually 1"))
    return found


def _access(settings: Settings) -> list[Finding]:
    found = []
    if settings.sign_up is SignUp.OPEN and settings.llm_monthly_budget is None and not settings.debug:
        says = "anyone can sign up, and no one has a budget"
        found.append(warning(SETTINGS, says, "set LLM_MONTHLY_BUDGET, or another SIGNUP"))
    if settings.email_backend == "console" and not settings.debug:
        says = "emails are printed to the log, so no one can reset a password"
        found.append(warning(SETTINGS, says, "set EMAIL_BACKEND=smtp and SMTP_HOST"))
    prices = Prices(settings.llm_prices, catalogue=settings.catalogue)
    unknown = [model.name for model in settings.catalogue.models if not prices.knows(model.name)]
    if unknown and settings.llm_monthly_budget is not None:
        says = f"LLM_MONTHLY_BUDGET is set, and the price of {unknown[0]} is unknown"
        found.append(problem(SETTINGS, says, "add it to LLM_PRICES or the models file"))
    elif unknown:
        says = f"the price of {unknown[0]} is unknown, so its cost is not counted"
        found.append(warning(SETTINGS, says, "add it to LLM_PRICES or the models file"))
    return found
