"""An answer looks the same however it came in, and painting it costs what its open block costs."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
ENTRY = ROOT / "tests" / "static" / "rendering.mjs"
SEEDS = (11, 23)
DOCUMENTS = 60
CODE = "```python\n" + "".join(f"value_{number} = {number}  # a line of code\n" for number in range(4_000)) + "```\n"
PROSE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules of rendering, for any page."""
    path = tmp_path_factory.mktemp("scripts") / "rendering.js"
    options = ["--bundle", "--format=iife", "--global-name=rendering", "--log-override:empty-import-meta=silent"]
    subprocess.run([ESBUILD, ENTRY, *options, "--log-level=error", f"--outfile={path}"], check=True, timeout=50)
    return path


@pytest.fixture
async def page(browser: Browser, script: Path) -> AsyncIterator[Page]:
    page = await browser.new_page()
    await page.set_content("<!doctype html><body></body>")
    await page.add_script_tag(path=script)
    yield page
    await page.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_documents_look_the_same_in_pieces_and_at_once(page: Page, seed: int) -> None:
    result = await page.evaluate("([seed, documents]) => rendering.fuzz(seed, documents)", [seed, DOCUMENTS])

    assert result["differences"] == []
    assert result["prefixes"] > 10 * DOCUMENTS


@pytest.mark.parametrize("path", ["README.md", "docs/decisions.md"])
async def test_our_documents_look_the_same_in_pieces_and_at_once(page: Page, path: str) -> None:
    text = (ROOT / path).read_text()[:30_000]
    result = await page.evaluate("(text) => rendering.difference(text, () => 997)", text)

    assert "got" not in result


@pytest.mark.parametrize(("text", "factor"), [(PROSE, 4), (CODE, 1)], ids=["prose", "code"])
async def test_what_is_parsed_is_a_small_multiple_of_the_text(page: Page, text: str, factor: int) -> None:
    lexed = await page.evaluate("([text, size]) => rendering.lexed(text, size)", [text, 400])

    assert lexed <= factor * len(text) + 4_000


async def test_a_finished_block_keeps_its_nodes_while_others_come(page: Page) -> None:
    kept = await page.evaluate(
        """() => {
          const target = rendering.element();
          const blocks = new rendering.Blocks(target);
          const text = "# One\\n\\nA **bold** word.\\n\\n```js\\nlet a;\\n```\\n\\nTwo\\n\\nThree\\n\\nFour";
          blocks.show(text, { isGrowing: true });
          const nodes = [...target.querySelectorAll("*")].slice(0, 8);
          const rest = " more and more\\n\\n## Next\\n\\n- a\\n- b\\n";
          for (let n = 0; n < rest.length; n++) blocks.show(text + rest.slice(0, n), { isGrowing: true });
          blocks.show(text + rest);
          return nodes.every((node) => node.isConnected);
        }"""
    )

    assert kept


async def test_finished_rows_of_a_table_keep_their_nodes_while_others_come(page: Page) -> None:
    rows = await page.evaluate(
        """() => {
          const target = rendering.element();
          const blocks = new rendering.Blocks(target);
          let text = "| a | b |\\n|---|---|\\n| 1 | **2** |\\n| 3 | 4 |\\n";
          blocks.show(text, { isGrowing: true });
          const [first, second] = target.querySelectorAll("tbody tr");
          for (const piece of ["| 5", " | 6 |\\n", "| 7 |", " 8 |\\n"]) {
            text += piece;
            blocks.show(text, { isGrowing: true });
          }
          blocks.show(text);
          const now = [...target.querySelectorAll("tbody tr")];
          return [first === now[0], now.map((row) => row.innerText.replace(/\\s+/g, " ").trim())];
        }"""
    )

    assert rows == [True, ["1 2", "3 4", "5 6", "7 8"]]


async def test_what_cannot_be_rendered_is_shown_as_text_and_the_rest_as_usual(page: Page) -> None:
    html = await page.evaluate(
        """() => {
          const target = rendering.element();
          const { createElement } = document;
          document.createElement = function (name) {
            if (name === "button") throw new RangeError("too much");
            return createElement.call(document, name);
          };
          new rendering.Blocks(target).show("# One\\n\\n```js\\nlet a;\\n```\\n\\nTwo");
          document.createElement = createElement;
          return target.innerHTML;
        }"""
    )

    assert "<h1" in html
    assert '<p class="source">```js\nlet a;\n```' in html
    assert "Two</p>" in html
