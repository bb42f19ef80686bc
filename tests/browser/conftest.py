"""A real Chromium for the tests in this folder, which fail without one: an unseen page is untested."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.support.desk import Desk
from tests.support.site import Site

FOLDER = Path(__file__).parent
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


def chromium_path() -> str:
    """The environment's CHROMIUM, or the first one that is installed."""
    candidates = [os.environ.get("CHROMIUM", ""), *NAMES]
    found = [path for name in candidates if name and (path := shutil.which(name))]
    if not found:
        pytest.fail("No Chromium: install one, or set CHROMIUM to its path.", pytrace=False)
    return found[0]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=20_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def desk(browser: Browser, site: Site) -> AsyncIterator[Desk]:
    """Opens browsers; any complaint of their pages fails the test."""
    desk = Desk(browser, site)
    yield desk
    assert await desk.clear() == []
