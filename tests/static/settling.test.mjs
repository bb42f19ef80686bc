import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";

import { blocksOf, clearPart, finalBlocksOf, htmlOf, normalized } from "../../static/src/chat/markdown.js";

const SEEDS = 400;
const DOCUMENTS = 1; // of each seed
const LINES = [
  "a", "b c", "- a", "- ", "-", "* x", "+ y", "1. a", "1.", "2. b", "2", "2)", "10. z", "# h", "#", "##", "## h", "> q", ">", "> - a", "> > b",
  "```", "```js", "~~~", "````", "    code", "\tcode", "  x", "   y", "| a | b |", "|---|---|", "| 1 | 2 |", "|", "a | b", "-|-", "---", "***",
  "===", "==", "<div>", "</div>", "<div", "  a=\"b\"", ">", "<!-- c", "-->", "<?php", "?>", "<script>", "</script>", "<x-y>", "<pre>", "<prx", "$$",
  "\\[", "\\]", "x^2", "\\begin{align}", "\\end{align}", "[a]: b", "[^1]: c", "**b", "b**", "`c", "c`", "- [ ] t", "a\\", "term", "  - n", "    - m",
  "  1. k", "  > q", "  ```", "   ```", "      z", "<details>", "<br>", "$$x$$", "\\(a", "b\\)", "~~", "    ", "  ", "%%", "<a b={c}>", "- # h", "- > q",
  "- ```", "1. ```", "> ```", "> # h", "> | a |", "> |---|", "  | a |", "  |---|", "b\n$$x$$\nc\n===", "**「**", "&lt; <", "http://a.b/中", "\\d\\.",
];
const SEPARATORS = ["\n", "\n", "\n", "\n\n", "\n\n", "\n\n\n", "\n \n", "", "\r\n", " \n", "\n\t\n"];

function randomizer(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

const html = (blocks) => blocks.map(htmlOf).join("");

/** Reads a text that grows as the page does: only what is not final. Returns the number of prefixes. */
function compareGrowing(text, step) {
  let [start, settled, prefixes] = [0, "", 0];
  for (let length = step; length < text.length + step; length += step) {
    const shown = clearPart(text.slice(0, length));
    const blocks = blocksOf(shown.slice(start));
    assert.equal(settled + html(blocks), html(blocksOf(shown)), JSON.stringify(shown));
    prefixes++;
    if (blocks.reduce((sum, block) => sum + block.length, 0) !== shown.length - start) continue;
    const final = blocks.slice(0, finalBlocksOf(blocks));
    settled += html(final);
    start += final.reduce((sum, block) => sum + block.length, 0);
  }
  return prefixes;
}

describe("a text that grows is read as the whole text is", () => {
  it(`at every character of random documents of ${SEEDS} seeds`, (test) => {
    let prefixes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = randomizer(seed * 7919);
      const piece = () => LINES[random(LINES.length)] + SEPARATORS[random(SEPARATORS.length)];
      for (let number = 0; number < DOCUMENTS; number++) {
        prefixes += compareGrowing(normalized(Array.from({ length: 3 + random(9) }, piece).join("")), 1);
      }
    }
    test.diagnostic(`${SEEDS * DOCUMENTS} documents, ${prefixes} prefixes`);
  });

  it("where the next block becomes part of a block that ends with a blank line, or of one that does not", () => {
    for (const text of ["a\n\n- n\n\n2. b\n\nc", "> q\n\n- n\n<prx\n\nd", "c\n> b\n- n\n<pr", "b\n$$x$$\nc\n===\n\nd", "1. a\n\n2\n\n2. b"]) compareGrowing(text, 1);
  });

  it("in the texts of the specification and in our documents", (test) => {
    const root = new URL("../../", import.meta.url);
    const read = (path) => readFileSync(new URL(path, root), "utf8");
    const json = (name) => JSON.parse(read(`tests/static/markdown/${name}.json`));
    let prefixes = 0;
    for (const { text } of json("cases")) prefixes += compareGrowing(normalized(text), 1);
    for (const [text] of Object.values(json("neighbors")).flat()) prefixes += compareGrowing(normalized(text), 5);
    for (const name of readdirSync(new URL("docs/", root)).filter((path) => path.endsWith(".md"))) {
      prefixes += compareGrowing(normalized(read(`docs/${name}`)).slice(0, 4_000), 61);
    }
    test.diagnostic(`${prefixes} prefixes`);
  });

  it("in recorded answers", (test) => {
    const folder = new URL("../llm/provider/streams/", import.meta.url);
    let prefixes = 0;
    for (const name of readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".txt"))) {
      const deltas = readFileSync(new URL(name, folder), "utf8").matchAll(/"delta":\s*("(?:[^"\\]|\\.)*")/g);
      prefixes += compareGrowing(normalized([...deltas].map(([, delta]) => JSON.parse(delta)).join("")), 1);
    }
    test.diagnostic(`${prefixes} prefixes`);
    assert.ok(prefixes > 500);
  });
});
