"""Tools for a model: `@tool` marks a typed, documented function, `ToolError` a mistake that the model can correct."""

from chat.llm.tools.registry import Registry, Tool, ToolError, ToolResult, tool

__all__ = ["Registry", "Tool", "ToolError", "ToolResult", "tool"]
