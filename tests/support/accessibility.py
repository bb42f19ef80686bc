"""Accessibility errors that axe-core finds on a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.support.desk import DESKTOP, PHONE

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# Colours that fade into others are neither: they are let go first.
RUN = """
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      .then(() => document.getAnimations().filter((one) => one instanceof CSSTransition).forEach((one) => one.finish()))
      .then(() => axe.run({ resultTypes: ["violations"], %s }))
"""
# Emails are part of a mail program's page: the best practices for whole pages do not apply, and they follow its theme.
WCAG = 'runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]'


async def violations(page: Page, axe: str, *, is_email: bool = False) -> list[str]:
    """The errors in both themes and both widths. The debugger injects axe, past the page's policy."""
    run = RUN % (WCAG if is_email else "")
    debugger = await page.context.new_cdp_session(page)
    await debugger.send("Runtime.evaluate", {"expression": axe})
    found: list[str] = []
    for viewport in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            if not is_email:
                await expect(page.locator("html.dark")).to_have_count(int(theme == "dark"))
            answer = await debugger.send(
                "Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True}
            )
            found += [
                _sentence(one, f"{theme}, {viewport['width']}") for one in answer["result"]["value"]["violations"]
            ]
    return found


async def tree(page: Page) -> list[tuple[str, str, int | None]]:
    """The accessibility tree as a screen reader walks it: role, name and level of each node that is not ignored."""
    debugger = await page.context.new_cdp_session(page)
    nodes = {node["nodeId"]: node for node in (await debugger.send("Accessibility.getFullAXTree"))["nodes"]}
    return [_described(node) for node in _walk(nodes, next(iter(nodes))) if not node["ignored"]]


def _walk(nodes: dict[str, Any], start: str) -> Iterator[dict[str, Any]]:
    yield nodes[start]
    for child in nodes[start].get("childIds", ()):
        if child in nodes:
            yield from _walk(nodes, child)


def _described(node: dict[str, Any]) -> tuple[str, str, int | None]:
    levels = [one["value"]["value"] for one in node.get("properties", ()) if one["name"] == "level"]
    return node["role"]["value"], node.get("name", {}).get("value", ""), levels[0] if levels else None


def _sentence(violation: dict[str, Any], where: str) -> str:
    targets = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    return f"{where}: {violation['id']}: {violation['help']}: {', '.join(targets)}"
