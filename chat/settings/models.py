"""The models file, as MODELS_FILE names it or MODELS_TOML holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chat.llm.catalogue import Catalogue
from chat.llm.models_file import ModelsError, parse_models

MAX_BYTES = 256 * 1024
SOURCES = FILE, TEXT = "MODELS_FILE", "MODELS_TOML"
REPLACED = ("LLM_MODEL", "LLM_MODELS", "LLM_TITLE_MODEL", "OPENAI_BASE_URL")  # variables that the file replaces


def declared_models(environment: Mapping[str, str], problems: list[str]) -> Catalogue | None:
    """The catalogue that the environment declares, if any; adds each problem, named with its variable and key."""
    given = {name: environment.get(name, "").strip() for name in (FILE, TEXT, *REPLACED)}
    source = FILE if given[FILE] else TEXT
    if not given[source]:
        return None
    if given[FILE] and given[TEXT]:
        problems.append(f"{TEXT} is set, and so is {FILE}: unset one of the two")
    problems += [
        f"{name} is set, and so is {source}, which replaces it: unset {name}" for name in REPLACED if given[name]
    ]
    try:
        return parse_models(_read(given[FILE]) if source == FILE else given[TEXT], environment)
    except ModelsError as error:
        problems += [f"{source} {problem}" for problem in error.problems]
    except ValueError as error:
        problems.append(f"{source} {error}")
    return None


def _read(path: str) -> str:
    """The file's text. Raises ValueError, which says what is wrong; never reads more than MAX_BYTES."""
    if Path(path).exists() and not Path(path).is_file():  # a pipe would block, and a device never ends
        raise ValueError(f"{path!r} is not a file")
    tried = str(Path(path).absolute())
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{tried!r} can't be read: {why}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path!r} has more than {MAX_BYTES // 1024} KiB, so it is not a models file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path!r} is not UTF-8 (first bad line: {line}): save it as UTF-8") from None
