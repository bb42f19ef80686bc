"""Jinja without its asynchronous mode, which would ask of each value whether it can be awaited.

No template awaits anything, and rendering never gives way to other tasks in either mode; this one takes less than half
of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import jinja2
from jinja2.compiler import CodeGenerator
from markupsafe import Markup, escape
from quart import Quart


class _Template(jinja2.Template):
    async def render_async(self, *args: Any, **kwargs: Any) -> str:
        """Render at once: Quart awaits this method."""
        return self.render(*args, **kwargs)


class _CodeGenerator(CodeGenerator):
    """Writes Markup as it is: most of what a page writes comes from macros, and `escape` copies it each time."""

    def _output_child_pre(self, node: Any, frame: Any, finalize: Any) -> None:
        if _may_write_markup(frame, finalize):
            self.write("(written if type(written := ")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: Any, frame: Any, finalize: Any) -> None:
        if _may_write_markup(frame, finalize):
            self.write(") is Markup else escape(written))")
        else:
            super()._output_child_post(node, frame, finalize)


class Environment(jinja2.Environment):
    """Quart's environment, which is always asynchronous, for templates that are not."""

    template_class = _Template
    code_generator_class = _CodeGenerator

    def __init__(self, app: Quart, **options: Any) -> None:
        options.setdefault("loader", app.create_global_jinja_loader())
        super().__init__(**options)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals themselves, unless a template has its own: each import on a page compares them, which takes a
        ChainMap long. So load a template with globals of its own always or never; Jinja would add them for all.
        """
        return super().make_globals(d) if d else self.globals


def attributes(given: Mapping[str, object]) -> Markup:
    """The further arguments of a macro as attributes: data_copy="x" becomes data-copy="x".

    A true one is bare, a false or missing one is left out.
    """
    parts = []
    for name, value in given.items():
        if value is not None and value is not False and not isinstance(value, jinja2.Undefined):
            attribute = name.rstrip("_").replace("_", "-")
            parts.append(f" {attribute}" if value is True else f' {attribute}="{escape(value)}"')
    return Markup("".join(parts))  # noqa: S704 - values are escaped, and names are the templates' own


def _may_write_markup(frame: Any, finalize: Any) -> bool:
    return frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None


def exact(text: str) -> Markup:
    """The text for HTML. A browser reads a bare CR as LF; as a character reference it stays, and lengths agree."""
    return Markup(str(escape(text)).replace("\r", "&#13;"))  # noqa: S704 - it is escaped
