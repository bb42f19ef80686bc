"""Tools for a model: put `@tool` on a typed, documented function, and raise `ToolError` for what the model can mend."""

from chat.llm.tools.registry import Registry, Tool, ToolError, ToolResult, tool

__all__ = ["Registry", "Tool", "ToolError", "ToolResult", "tool"]
