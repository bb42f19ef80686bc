"""What painting a streamed answer costs in the browser: `python bench/rendering.py [--before CHECKOUT]`.

An answer of prose and one of code come in pieces; after each piece it is painted and laid out. `CHECKOUT` is another
checkout of this project, with its node_modules, which is measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

PROJECT = Path(__file__).parents[1]
WHOLE = """
import { decorate } from "./decoration.js";
import { toHtml } from "./markdown.js";
import { morphChildren } from "./morph.js";
import { sanitize } from "./sanitizer.js";
export const painter = (target) => (text, isGrowing) =>
  morphChildren(target, decorate(sanitize(toHtml(text, { isGrowing }))));
"""
BLOCKS = """
import { Blocks } from "./blocks.js";
export const painter = (target) => {
  const blocks = new Blocks(target);
  return (text, isGrowing) => blocks.show(text, { isGrowing });
};
"""
MEASURE = """
([text, size]) => {
  const target = document.body.appendChild(document.createElement("div"));
  target.className = "markdown-content is-rendered";
  const paint = bench.painter(target);
  const frames = [];
  for (let length = size; length < text.length + size; length += size) {
    const began = performance.now();
    paint(text.slice(0, length), length < text.length);
    const painted = performance.now();
    target.offsetHeight;
    frames.push([painted - began, performance.now() - painted]);
  }
  return frames;
}
"""
PARAGRAPH = """\
## Part {n}

A paragraph with **bold** words, `code` and [a link](https://example.com/{n}), as models write them: {words}.

- one item
- another, with *emphasis*
  - and one below it
- the last

| Name | Value |
|---|---:|
| a | {n} |
| b | 2 |

```python
def part_{n}(value):
    return value * {n}
```

"""
LONG_FRAME_MS = 50


def prose(characters: int) -> str:
    words = " ".join(["word"] * 120)
    return "".join(PARAGRAPH.format(n=n, words=words) for n in range(characters // 900))[:characters]


def code(characters: int) -> str:
    lines = "".join(f"    value_{n} = compute({n}, 'text')  # a comment\n" for n in range(characters // 40))
    return f"```python\n{lines[:characters]}"


def bundled(checkout: Path, folder: Path) -> Path:
    """The painting of a checkout as a script for any page."""
    source = checkout / "static" / "src" / "chat"
    entry = folder / "entry.mjs"
    text = BLOCKS if (source / "blocks.js").exists() else WHOLE
    entry.write_text(text.replace('"./', f'"{source}/'))
    script = folder / "bench.js"
    options = ["--bundle", "--format=iife", "--global-name=bench", "--log-level=error"]
    esbuild = PROJECT / "node_modules" / ".bin" / "esbuild"
    subprocess.run([esbuild, entry, *options, f"--outfile={script}"], check=True)  # noqa: S603
    return script


async def measured(page: Page, checkout: Path, text: str, size: int) -> list[list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        await page.goto("about:blank")
        await page.set_content("<!doctype html><body></body>")
        await page.add_style_tag(path=PROJECT / "static" / "dist" / "app.css")
        await page.add_script_tag(path=bundled(checkout, Path(folder)))
        frames: list[list[float]] = await page.evaluate(MEASURE, [text, size])
        return frames


def row(name: str, frames: list[list[float]], kilobytes: float) -> str:
    scripts, layouts = (sum(frame[at] for frame in frames) for at in (0, 1))
    sums = [sum(frame) for frame in frames]
    last = frames[-10:-1]
    end = [sum(frame[at] for frame in last) / len(last) for at in (0, 1)]
    slow = sum(1 for one in sums if one > LONG_FRAME_MS)
    sums_of_all = f"{scripts / 1000:.2f} s | {layouts / 1000:.2f} s | {sum(sums) / kilobytes:.1f} ms"
    frames_of_all = f"{max(sums):.0f} ms | {slow} of {len(sums)} | {end[0]:.1f} + {end[1]:.1f} ms"
    return f"| {name} | {sums_of_all} | {frames_of_all} |"


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


async def main(options: Any) -> None:
    checkouts = {"now": PROJECT} | ({"before": options.before.resolve()} if options.before else {})
    texts = {"prose": prose(options.kilobytes * 1000), "code": code(options.kilobytes * 1000)}
    say(f"{options.kilobytes} kB in pieces of {options.piece} characters\n")
    say("| | JS | layout | per kB | worst frame | frames > 50 ms | JS + layout a frame at the end |")
    say("|---|---|---|---|---|---|---|")
    async with async_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        for kind, text in texts.items():
            for name, checkout in checkouts.items():
                frames = await measured(page, checkout, text, options.piece)
                say(row(f"{kind}, {name}", frames, options.kilobytes))
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--kilobytes", type=int, default=200)
    parser.add_argument("--piece", type=int, default=400)
    asyncio.run(main(parser.parse_args()))
