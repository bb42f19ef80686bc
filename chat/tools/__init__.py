"""What the model may do: one small module for each tool; a module here is a tool that is offered."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from chat.llm.tools import Registry, Tool
from chat.models import ChatThread, User

CONTEXT_TYPES = (User, ChatThread)  # whose message is answered, and where: a tool asks for them by type


def load() -> Registry:
    """Import every module of this package, and collect the tools that were made there."""
    names = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)]
    tools = (
        item
        for name in names
        for item in vars(import_module(name)).values()
        if isinstance(item, Tool) and item.function.__module__ == name
    )
    return Registry(tools, context_types=CONTEXT_TYPES)
