"""What a page is made of besides its chat: one that differs is loaded again when its reader opens another chat."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

from quart import Quart

from chat.web.resources import Resources
from chat.web.static_files import StaticFiles

EXTENSION = "static files"
SCRIPT_AND_STYLES = ("dist/app.js", "dist/app.css")


def install(app: Quart, files: StaticFiles) -> None:
    """Remember where the pages' script and styles are."""
    app.extensions[EXTENSION] = files


def release_of(app: Quart, deps: Resources) -> str:
    """Equal for pages with the same script, styles, models and notice."""
    parts = [deps.settings.site_notice, *(f"{model.name} {model.label}" for model in deps.llm.catalogue.offered)]
    for name in SCRIPT_AND_STYLES:
        with suppress(FileNotFoundError):  # not built: then no page works
            parts.append(app.extensions[EXTENSION].version(name))
    return sha256("\n".join(parts).encode()).hexdigest()[:8]
