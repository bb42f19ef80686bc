import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { Tokenizer } from "marked";

import { LazyLexer } from "../../static/src/chat/lexer.js";
import { toHtml } from "../../static/src/chat/markdown.js";
import { loadEmoji } from "../../static/src/chat/shortcodes.js";

await loadEmoji();

const UNITS = JSON.parse(readFileSync(new URL("markdown/hostile.json", import.meta.url), "utf8"));
const MOST_SEARCHED = 1_000;

/** Counts the characters that these methods of marked's are given; the second of a pair is the position of their text. */
function counted(test, methods) {
  const count = { searched: 0 };
  for (const [name, position] of methods) {
    const search = Tokenizer.prototype[name];
    Tokenizer.prototype[name] = function (...sources) {
      count.searched += sources[position].length;
      return search.apply(this, sources);
    };
    test.after(() => (Tokenizer.prototype[name] = search));
  }
  return count;
}

const HAS_HIDDEN_LETTERS = /[<&|]|:fire:|```|~~~|\]\(|\]: /;

describe("hostile text", () => {
  const nested = (line) => Array.from({ length: 500 }, (_, level) => line(level)).join("\n");

  for (const [name, text, levels] of [
    ["5,000 quotes in a line", ">".repeat(5_000), 0],
    ["5,000 quotes with spaces", `${"> ".repeat(5_000)}x`, 0],
    ["4,000 lists in a line", `${"- ".repeat(4_000)}x`, 0],
    ["500 nested list items", nested((level) => `${"  ".repeat(level)}- x`), 16],
    ["500 nested quotes", nested((level) => `${"> ".repeat(level + 1)}x`), 16],
    ["3,000 nested emphases", "*a **b ".repeat(3_000) + "c** d* ".repeat(3_000), 0],
    ["10,000 brackets", "[".repeat(10_000), 0],
  ]) {
    it(`is shown, however deep: ${name}`, () => {
      const html = toHtml(text);
      const letters = (string) => string.replace(/<[^>]*>|&gt;|[^a-z[]/g, "").length;
      assert.equal(letters(html), letters(text));
      assert.ok((html.match(/<(?:ul|blockquote)>/g) ?? []).length <= levels);
    });
  }

  it("costs no more than a bounded look around each word", (test) => {
    let seen = 0;
    const { inlineText } = Tokenizer.prototype;
    // Not by a mock: it keeps a stack for each of the many calls, which took most of the time.
    Tokenizer.prototype.inlineText = function (source) {
      seen += source.length;
      return inlineText.call(this, source);
    };
    test.after(() => (Tokenizer.prototype.inlineText = inlineText));
    for (const text of ["$".repeat(50_000), "$a ".repeat(20_000), "\\(a ".repeat(10_000), "|".repeat(20_000), "~a".repeat(20_000)]) {
      seen = 0;
      toHtml(text);
      assert.ok(seen <= 1_000 * text.length, `${text.slice(0, 9)}: ${seen}`);
    }
  });

  // Counted, not timed: the characters that marked's expensive searches are given.
  for (const [prefix, unit] of UNITS.map((one) => (Array.isArray(one) ? one : ["", one]))) {
    it(`is shown in time, also 40 kB of ${JSON.stringify(unit)} after ${JSON.stringify(prefix)}`, (test) => {
      const text = prefix + unit.repeat(40_000 / unit.length);
      const inline = counted(test, [["emStrong", 1], ["del", 1], ["url", 0], ["inlineText", 0], ["tag", 0]]);
      const others = counted(test, [["table", 0], ["lheading", 0], ["codespan", 0], ["blockquote", 0], ["br", 0]]);
      const html = toHtml(text);
      for (const { searched } of [inline, others]) assert.ok(searched <= MOST_SEARCHED * text.length, `${searched / text.length} times`);
      if (HAS_HIDDEN_LETTERS.test(prefix + unit)) return;
      const letters = (string) => string.replace(/<[^>]*>|&\w+;|[^a-z]/g, "").length;
      assert.equal(letters(html), letters(text));
    });
  }

  it("meets no rule that searches without a bound for an end that may not come", () => {
    const { block, inline } = new LazyLexer().tokenizer.rules;
    for (const rule of [inline.tag, inline.anyPunctuationOutsideCode]) assert.doesNotMatch(rule.source, /\[\\s\\S\]\*/);
    assert.ok(block.paragraph.source.length < block.paragraph.source.indexOf(":?-+:?") + 100, "it reads no rows of tables");
  });

  it("does not break a block that cannot be read", (test) => {
    test.mock.method(Tokenizer.prototype, "codespan", () => {
      throw new RangeError("Maximum call stack size exceeded");
    });
    const source = (text) => `<span class="source">${text}</span>`;
    const expected = `<h1>${source("Title")}</h1>\n<p>${source("one `two`")}</p>\n<p>${source("`")}</p>\n`;
    assert.equal(toHtml("# Title\n\none `two`\n\n`"), expected);
  });
});
