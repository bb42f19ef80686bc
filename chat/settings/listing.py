"""The settings as texts, from which `.env.example` and the README's table are made."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from chat.settings import Settings, variable


def environment_example() -> str:
    """The text of .env.example: every variable, commented out, with its meaning and default."""
    lines = [
        "# Copy to .env and set what you need; the real environment wins over this file.",
        "# A variable that is unset or empty takes its default.",
    ]
    for item in fields(Settings):
        if item.metadata["group"]:
            lines += ["", f"# --- {item.metadata['group']} ---"]
        lines += ["", f"# {item.metadata['help'].replace('`', '')}", f"# {variable(item)}={_shown(item.default)}"]
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """The README's table."""
    rows = [f"| `{variable(item)}` | {_code(item.default)} | {item.metadata['help']} |" for item in fields(Settings)]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


def _shown(default: Any) -> str:
    return "" if default in (None, ()) else str(default)


def _code(default: Any) -> str:
    return f"`{_shown(default)}`" if _shown(default) else "unset"
