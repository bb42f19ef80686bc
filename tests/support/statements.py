"""The SQL of the product: every constant with a statement or a part of one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

import chat

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")


@cache
def statements() -> dict[str, str]:
    """Each by the full name of its constant."""
    found = {}
    for module in pkgutil.walk_packages(chat.__path__, "chat."):
        if module.name.startswith(("chat.cli", "chat.devservices")):
            continue
        for name, text in vars(importlib.import_module(module.name)).items():
            if isinstance(text, str) and name.isupper() and SQL.search(text):
                found[f"{module.name}.{name}"] = text
    return found
