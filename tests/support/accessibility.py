"""Accessibility errors that axe-core finds on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.support.desk import DESKTOP, PHONE

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# Colours that fade into others are neither: they are let go first.
RUN = """
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      .then(() => document.getAnimations().filter((one) => one instanceof CSSTransition).forEach((one) => one.finish()))
      .then(() => axe.run({ resultTypes: ["violations"] }))
"""


async def violations(page: Page, axe: str) -> list[str]:
    """The errors in both themes and both widths. The debugger injects axe, past the page's policy."""
    debugger = await page.context.new_cdp_session(page)
    await debugger.send("Runtime.evaluate", {"expression": axe})
    found: list[str] = []
    for viewport in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            await expect(page.locator("html.dark")).to_have_count(int(theme == "dark"))
            answer = await debugger.send(
                "Runtime.evaluate", {"expression": RUN, "awaitPromise": True, "returnByValue": True}
            )
            found += [
                _sentence(one, f"{theme}, {viewport['width']}") for one in answer["result"]["value"]["violations"]
            ]
    return found


def _sentence(violation: dict[str, Any], where: str) -> str:
    targets = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    return f"{where}: {violation['id']}: {violation['help']}: {', '.join(targets)}"
