"""A catalogue written as TOML: several providers and their models. docs/models.md explains each key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from chat.llm.catalogue import PROVIDER_NAME_MAX_LENGTH, Catalogue, ModelSpec, ProviderSpec, reuses_connections
from chat.llm.price import Price, parse_price
from chat.llm.provider.request import LEAVABLE, TOOLS
from chat.llm.toml_table import Table, quoted

NAME_MAX_LENGTH = 100  # of the columns that store it
ID_MAX_LENGTH = 200
LABEL_MAX_LENGTH = 60
URL_MAX_LENGTH = 500
LEAST_CONTEXT, MOST_TOKENS = 512, 100_000_000
LEAST_OUTPUT = 16
MOST_PROBLEMS = 50
ENDPOINTS = ("/responses", "/chat/completions", "/models")
# Short parts in capitals: a key that is written here instead of its variable is not repeated in a complaint.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,16})*")
_TWICE = re.compile(r"Cannot declare \('(provider|model)',\) twice")
_PLURALS = {"providers": "is unknown: write [[provider]]", "models": "is unknown: write [[model]]"}
_NO_KEY = "a key does not belong in this file: put it in a variable and name the variable in key_env"
_KEYS = dict.fromkeys(("api_key", "key"), _NO_KEY)
MOST_NAMES = 20  # in a complaint
_PROVIDER_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{PROVIDER_NAME_MAX_LENGTH - 1}}}")


class ModelsError(Exception):
    """The file can't be used; `problems` names each place that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - MOST_PROBLEMS
        self.problems = [*problems[:MOST_PROBLEMS], *([f"has {more} more problems"] if more > 0 else [])]
        super().__init__("\n".join(self.problems))


def parse_models(text: str, environment: Mapping[str, str]) -> Catalogue:
    """The catalogue, with the keys that the environment holds. Raises ModelsError with every problem at once."""
    problems: list[str] = []
    root = Table(_loaded(text), "", problems)
    providers = [_provider(table, environment) for table in root.tables("provider")]
    models = [_model(table, providers) for table in root.tables("model")]
    default, titles = (
        root.text("default_model", longest=NAME_MAX_LENGTH),
        root.text("title_model", longest=NAME_MAX_LENGTH),
    )
    root.close(_PLURALS)
    for key, specs in (("provider", providers), ("model", models)):
        if not specs and not root.complained(key) and not root.complained(f"{key}s"):
            root.complain(key, f"is missing: the file needs at least one [[{key}]]")
    _check_unique(root, "provider", "name", [spec.name for spec in providers])
    _check_unique(root, "model", "name", [spec.name for spec in models])
    _check_unique(root, "model", "label", [spec.label for spec in models])
    _check_references(root, models, default, titles)
    if problems:
        raise ModelsError(problems)
    return _ordered(providers, models, default, titles)


def _loaded(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ModelsError(["is nested too deeply"]) from None
    except ValueError as error:  # TOMLDecodeError, or a number with too many digits
        if twice := _TWICE.match(str(error)):
            raise ModelsError([f"{twice[1]}: is there twice: write [[{twice[1]}]] with two brackets"]) from None
        raise ModelsError([f"is not valid TOML: {str(error)[:300]}"]) from None


def _provider(table: Table, environment: Mapping[str, str]) -> ProviderSpec:
    name = table.text("name", longest=PROVIDER_NAME_MAX_LENGTH, required=True)
    if name and not _PROVIDER_NAME.fullmatch(name):
        table.complain("name", "may contain only these characters: A-Z a-z 0-9 . _ -")
    base_url = _base_url(table)
    variable, key = _key(table, environment)
    reuse = table.flag("reuse_connections")
    spec = ProviderSpec(
        name=name,
        base_url=base_url,
        api_key=key,
        key_env=variable if key else "",
        reuse_connections=reuses_connections(base_url) if reuse is None else reuse,
        leave_out=_leave_out(table),
    )
    table.close(_KEYS)
    return spec


def _base_url(table: Table) -> str:
    """Without a slash at its end. It is never repeated in a complaint, since it may contain a password."""
    url = table.text("base_url", longest=URL_MAX_LENGTH).rstrip("/")
    problem = _fault_of(url) if url else ""
    if problem:
        table.complain("base_url", problem)
    return "" if problem else url


def _fault_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address: write it like https://host/v1"
    if parts.scheme not in ("http", "https") or not host or " " in url or not url.isascii():
        return "must start with http:// or https:// and a host, like https://host/v1"
    if "@" in parts.netloc:
        return "must not contain a user name or password: name a variable with the key in key_env"
    if parts.query or parts.fragment:
        return "must not contain ? or #"
    if parts.path.endswith(ENDPOINTS):
        return f"must end before {next(end for end in ENDPOINTS if parts.path.endswith(end))}"
    return ""


def _key(table: Table, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable and the key in it."""
    variable = table.text("key_env", longest=10_000)
    if not variable:
        return "", ""
    if not _VARIABLE.fullmatch(variable):
        table.complain("key_env", "must be the name of an environment variable in capitals, and never the key itself")
        return "", ""
    key = environment.get(variable, "").strip()
    if not key:
        table.complain("key_env", f"{variable} is not set in the environment")
    elif not (key.isascii() and key.isprintable()):
        table.complain("key_env", f"{variable} contains a character that is not allowed in keys: copy the key again")
    return variable, key


def _leave_out(table: Table) -> frozenset[str]:
    words = table.words("leave_out")
    if unknown := [word for word in words if word not in LEAVABLE]:
        table.complain("leave_out", f"{quoted(unknown)} is unknown; the known words are {', '.join(sorted(LEAVABLE))}")
    return frozenset(words)


def _model(table: Table, providers: Sequence[ProviderSpec]) -> ModelSpec:
    model_id = table.text("id", longest=ID_MAX_LENGTH, required=True)
    name = table.text("name", longest=NAME_MAX_LENGTH)
    provider = _provider_of(table, name, providers)
    name = name or (f"{provider.name}/{model_id}"[:NAME_MAX_LENGTH] if provider and model_id else "")
    context = table.whole("context", least=LEAST_CONTEXT, most=MOST_TOKENS)
    leave_out = _leave_out(table) | (provider.leave_out if provider else frozenset())
    tools = table.flag("tools") is not False and TOOLS not in leave_out
    spec = ModelSpec(
        name=name,
        id=model_id,
        provider=provider.name if provider else "",
        label=table.text("label", longest=LABEL_MAX_LENGTH) or name,
        context=context,
        max_output=_max_output(table, context),
        vision=table.flag("vision") or False,
        tools=tools,
        reasoning=table.flag("reasoning"),
        leave_out=leave_out,
        price=_price(table),
        fallback=table.words("fallback"),
        hidden=table.flag("hidden") or False,
    )
    table.close(_KEYS)
    return spec


def _provider_of(table: Table, name: str, providers: Sequence[ProviderSpec]) -> ProviderSpec | None:
    """The provider that the model names, or the only one, or the one that the model's name begins with."""
    wanted = table.text("provider", longest=PROVIDER_NAME_MAX_LENGTH)
    if not wanted and len(providers) == 1:
        return providers[0]
    by_name = {spec.name: spec for spec in providers if spec.name}
    found = by_name.get(wanted or name.partition("/")[0])
    if found is None and providers:
        known = f"the providers are {quoted(by_name)}"
        table.complain(
            "provider",
            f"no provider named {quoted([wanted])} in this file; {known}" if wanted else f"is missing; {known}",
        )
    return found


def _max_output(table: Table, context: int | None) -> int | None:
    tokens = table.whole("max_output", least=LEAST_OUTPUT, most=MOST_TOKENS)
    if tokens and context and tokens >= context:
        table.complain("max_output", f"must be smaller than the context, which is {context:,} tokens")
    return tokens


def _price(table: Table) -> Price | None:
    text = table.text("price", longest=NAME_MAX_LENGTH)
    try:
        return parse_price(text) if text else None
    except ValueError as error:
        table.complain("price", str(error))
        return None


def _check_unique(root: Table, kind: str, key: str, values: Sequence[str]) -> None:
    for number, value in enumerate(values, start=1):
        first = values.index(value) + 1
        if value and first < number:
            root.complain(f"{kind}[{number}].{key}", f"{quoted([value])} is taken by {kind}[{first}]")


def _check_references(root: Table, models: Sequence[ModelSpec], default: str, titles: str) -> None:
    names = [spec.name for spec in models]
    for number, spec in enumerate(models, start=1):
        _check_known(root, f"model[{number}].fallback", spec.fallback, names)
        if spec.name and spec.name in spec.fallback:
            root.complain(f"model[{number}].fallback", "names the model itself")
    for key, name in (("default_model", default), ("title_model", titles)):
        _check_known(root, key, [name] if name else [], names)
    if default in {spec.name for spec in models if spec.hidden} - {""}:
        root.complain("default_model", "is hidden, so no one could choose it")
    if models and all(spec.hidden for spec in models):
        root.complain("model", "all are hidden, so users would have none to choose")


def _check_known(root: Table, key: str, wanted: Iterable[str], names: Sequence[str]) -> None:
    """Not if a name is unknown because of another problem: it could be the one that is wanted."""
    unknown = [name for name in wanted if name not in names]
    if unknown and names and all(names):
        known = quoted(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
        root.complain(key, f"no model named {quoted(unknown)} in this file; the models are {known}")


def _ordered(providers: Iterable[ProviderSpec], models: Sequence[ModelSpec], default: str, titles: str) -> Catalogue:
    """With the default model first: the one that is named, or the first that is offered."""
    first = next(spec for spec in models if (spec.name == default if default else not spec.hidden))
    others = (spec for spec in models if spec is not first)
    return Catalogue(providers=tuple(providers), models=(first, *others), title_model=titles)
