"""The tools that the site offers the model: each module here is one tool."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from chat.llm.tools import Registry, Tool
from chat.models import ChatThread, User

CONTEXT_TYPES = (User, ChatThread)  # who sent the message, and in which thread: tools take them by type


def load() -> Registry:
    """Import every module of this package, and collect the tools defined there."""
    names = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)]
    tools = (
        item
        for name in names
        for item in vars(import_module(name)).values()
        if isinstance(item, Tool) and item.function.__module__ == name
    )
    return Registry(tools, context_types=CONTEXT_TYPES)
