"""What is too small for a finger on a page, and what is wider than its screen."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NARROW = {"width": 320, "height": 640}
TARGET_PIXELS = 44  # WCAG 2.5.5, and what Apple asks for

# A link in a sentence is as high as its line (the exception of WCAG 2.5.5), and a radio button as large as its label.
SMALL = """
    (least) => {
      const target = (it) => (it.type === "radio" || it.type === "checkbox" ? it.labels[0] ?? it : it);
      const isInText = (it) => {
        if (getComputedStyle(it).display !== "inline") return false;
        let block = it.parentElement;
        while (getComputedStyle(block).display.startsWith("inline")) block = block.parentElement;
        return block.textContent.trim().length > it.textContent.trim().length;
      };
      const isShown = (it) => {
        const box = it.getBoundingClientRect();
        return it.checkVisibility({ visibilityProperty: true }) && box.width > 1 && box.bottom > 0 && box.right > 0;
      };
      const described = (it) => {
        const { width, height } = it.getBoundingClientRect();
        const name = it.ariaLabel || it.textContent.trim().slice(0, 30);
        return `${it.tagName} ${name}: ${width.toFixed(1)} x ${height.toFixed(1)}`;
      };
      const isSmall = (it) => {
        if (it.parentElement.closest("select")) return false; // the button inside a select
        const { width, height } = it.getBoundingClientRect();
        return Math.min(width, height) < least - 0.5 && !isInText(it);
      };
      const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]";
      return [...document.querySelectorAll(all)].filter(isShown).map(target).filter(isSmall).map(described);
    }
"""
TOO_WIDE = """
    () => {
      const [wide, seen] = [document.documentElement.scrollWidth, window.innerWidth];
      return wide > seen ? [`${wide} px in a window of ${seen} px`] : [];
    }
"""


async def too_small(page: Page) -> list[str]:
    """The controls under 44 px, each with its name and size; and whether the page scrolls sideways at 320 px."""
    found: list[str] = await page.evaluate(SMALL, TARGET_PIXELS)
    size: Any = page.viewport_size
    await page.set_viewport_size(NARROW)
    found += await page.evaluate(SMALL, TARGET_PIXELS) + await page.evaluate(TOO_WIDE)
    await page.set_viewport_size(size)
    return sorted(set(found))
