"""The settings as documents: `.env.example` and docs/settings.md."""

from __future__ import annotations

from typing import Any

from chat.settings import variable, variables


def environment_example() -> str:
    """The text of `.env.example`: every variable, commented out, with its meaning and default."""
    lines = [
        "# Copy to .env and set what you need; the real environment wins over this file.",
        "# A variable that is unset or empty takes its default; only STARTERS can be set to nothing.",
    ]
    for item in variables():
        if item.metadata["group"]:
            lines += ["", f"# --- {item.metadata['group']} ---"]
        lines += ["", f"# {item.metadata['help'].replace('`', '')}", f"# {variable(item)}={_shown(item.default)}"]
    return "\n".join(lines) + "\n"


def settings_document() -> str:
    """The text of docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Settings come from the environment, or from a file `.env` in the working directory; the environment wins.",
        "A variable that is unset or empty has its default; only `STARTERS` can be set to nothing. `chat serve`",
        "refuses to start on missing or weak values and lists all of them.",
        "This page is generated: `chat settings > docs/settings.md`.",
    ]
    for item in variables():
        if group := item.metadata["group"]:
            lines += ["", f"## {group}", "", "| Variable | Default | Meaning |", "|---|---|---|"]
        lines.append(_row(f"`{variable(item)}`", _code(item.default), item.metadata["help"]))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _shown(default: Any) -> str:
    return "" if default in (None, ()) else str(default)


def _code(default: Any) -> str:
    return f"`{_shown(default)}`" if _shown(default) else "unset"
