import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { Tokenizer } from "marked";

import { LazyLexer } from "../../static/src/chat/lexer.js";
import { clearPart, toHtml } from "../../static/src/chat/markdown.js";
import { formulasIn } from "../../static/src/chat/math.js";
import { hostOf, unsaidTarget } from "../../static/src/chat/sanitizer.js";

const read = (name) => JSON.parse(readFileSync(new URL(`markdown/${name}.json`, import.meta.url), "utf8"));

describe("what the model wrote is seen as it is", () => {
  for (const { id, text, right, html } of read("cases")) {
    it(`${id}: ${right}`, () => assert.equal(toHtml(text), html));
  }
  for (const [kind, texts] of Object.entries(read("neighbors"))) {
    for (const [text, html] of texts) it(`${kind}: ${JSON.stringify(text)}`, () => assert.equal(toHtml(text), html));
  }
});

describe("markdown", () => {
  it("knows what the README promises", () => {
    const html = toHtml("# H\n\n**b** *i* ~~d~~ `c`\n\n1. x\n\n- y\n\n> q\n\n---\n\n| a |\n|---|\n| b |\n\n- [x] t");
    for (const tag of ["h1", "strong", "em", "del", "code", "ol", "ul", "blockquote", "hr", "table", "input"]) {
      assert.match(html, new RegExp(`<${tag}\\b`), tag);
    }
  });

  it("shows no hidden characters, and what emoji and scripts need", () => {
    const tags = String.fromCodePoint(...[..."hidden"].map((letter) => 0xe0000 + letter.codePointAt(0)));
    assert.equal(toHtml(`a${tags}b \`c${tags}\``), "<p>ab <code>c</code></p>\n");
    for (const text of ["👩‍❤️‍👨", "1️⃣", "می‌خواهم", "क्‍ष"]) assert.equal(toHtml(text), `<p>${text}</p>\n`);
  });

  it("names the language of a fence, and leaves its code to the highlighter", () => {
    assert.equal(toHtml("```python\nimport x\n```"), '<pre><code class="language-python">import x\n</code></pre>');
    assert.match(toHtml("```nosuch\n<b>\n```"), /&lt;b&gt;/);
  });

  it("shows a growing line only when it is clear what it will be", () => {
    for (const line of ["-", "- ", "--", "==", "1", "12.", "> -", "**", "``", "|-", "#", "_ _"]) {
      assert.equal(clearPart(`Steps:\n${line}`), "Steps:\n", line);
      assert.equal(toHtml(`Steps:\n${line}`, { isGrowing: true }), "<p>Steps:</p>\n", line);
    }
    for (const line of ["- a", "1. a", "12 eggs", "**a", "--x", "-".repeat(100)]) assert.equal(clearPart(`Steps:\n${line}`), `Steps:\n${line}`);
    assert.equal(toHtml("Steps:\n-"), "<p>Steps:<br>-</p>\n");
  });

  it("never shows a title while the list below a paragraph is written", () => {
    for (const text of ["Here are the steps:\n- one\n- two", "Here:\n--- \nnext", "a\n- b\n- - c\n", "x\n=\ny", "a | b\n--- | ---\n1 | 2\n"]) {
      for (let length = 1; length <= text.length; length++) {
        assert.doesNotMatch(toHtml(text.slice(0, length), { isGrowing: true }), /<h\d/, text.slice(0, length));
      }
    }
  });

  it("honors link definitions only when the text is complete", () => {
    assert.doesNotMatch(toHtml("[a]: https://example.com\n\n[a]", { isGrowing: true }), />a</);
    assert.match(toHtml("[a]: https://example.com\n\n[a]"), /<a href="https:\/\/example.com">a<\/a>/);
  });
});

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
  for (const [prefix, unit] of read("hostile").map((one) => (Array.isArray(one) ? one : ["", one]))) {
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

describe("formulas", () => {
  for (const [text, count] of [
    ["$5 and $10", 0],
    ["costs $5-$10 or US$5 and US$10", 0],
    ["$/PR is down but $/session is up", 0],
    ["from $271,677.37 in January to $272,748.58 in February", 0],
    ["a $10$-off coupon for $20$ items", 0],
    ["$HOME/bin:$PATH", 0],
    ["`$x$` and ``a $ b $``", 0],
    ["| a | b |\n|---|---|\n| $5 | $10 |", 0],
    ["$100k/$200k and $1.5M$", 0],
    ["\\$x\\$", 0],
    ["[price $5](http://a.example/?x=$1&y=$2)", 0],
    ["$ 5 $", 0],
    ["$5 million, $3$", 0],
    ["$2$ apples", 0],
    ["price: $5$", 0],
    ["between A$5 and C$10, or 5$ to 10$", 0],
    ["$5 or 5$, whatever", 0],
    ["use $1, $2 and $_GET['x'] or $(id) and $.ajax", 0],
    ["mass $m$ and $E=mc^2$.", 2],
    ["$(L_{ur}-L_r)\\sim\\chi^2(Q)$", 1],
    ["let $y$: $n\\times 1$ vector", 2],
    ["\\(a+b\\) and \\[c\\]", 2],
    ["$$x^2$$ inline", 1],
    ["- item $x_1$\n- **$y$**", 2],
    ["| $a$ | $b_2$ |\n|---|---|\n| $5 | 1 |", 2],
    ["$x_i$, $x_j$ ($z$)", 3],
    ["$a<b$ & $c$", 2],
    ["$f(x)=\\$5$", 1],
    ["> $$\n> a\n> $$\n", 1],
    ["the set $\\{1,2\\}$", 1],
    ["$O(n \\log n)$-time", 1],
    ["$\\alpha$的值", 1],
    ["$3x$", 1],
    ["$-1$ to $+1$", 2],
    ["$\\text{für alle } x$ and \\(\\Delta ABC\\)", 2],
    ["\\[sic\\] and \\(see below\\)", 0],
  ]) {
    it(`${count}: ${JSON.stringify(text)}`, () => assert.equal((toHtml(text).match(/class="math-/g) ?? []).length, count));
  }

  it("know where they are", () => {
    assert.deepEqual(formulasIn("a $x$ \\(y\\)"), [
      { start: 2, end: 5, tex: "x", isDisplay: false },
      { start: 6, end: 11, tex: "y", isDisplay: false },
    ]);
  });
});

describe("the host of a link", () => {
  it("is shown in ASCII, so that look-alikes are visible", () => {
    assert.equal(hostOf("https://exаmple.com/x"), "xn--exmple-4nf.com");
    assert.equal(hostOf("https://user:pw@evil.example:8443/"), "evil.example:8443");
  });

  it("is empty for what is not on the web", () => {
    for (const address of ["mailto:a@b.example", "javascript:1", "/chat/", "", "data:text/html,x"]) assert.equal(hostOf(address), "");
  });

  for (const [address, words, shown] of [
    ["https://example.com/a", "https://example.com/a", ""],
    ["https://example.com/a", "example.com", ""],
    ["https://example.com/", "HTTPS://Example.com", ""],
    ["http://www.example.com", "www.example.com", ""],
    ["https://example.com:8443/x", "example.com:8443/x", ""],
    ["https://example.com/", "a page", "example.com"],
    ["https://evil.example/", "https://bank.example/", "evil.example"],
    ["https://evil.example/", "evil.example.bank.example", "evil.example"],
    ["https://bank.example@evil.example/", "https://bank.example@evil.example/", "evil.example"],
    ["https://bank.example:443@evil.example/", "https://bank.example", "evil.example"],
    ["https://bank.example%2f@evil.example/", "https://bank.example/", "evil.example"],
    ["https://bank.example\\@evil.example/", "https://evil.example/", "bank.example"],
    ["https://b\u0430nk.example/", "https://b\u0430nk.example/", "xn--bnk-6cd.example"],
    ["https://\uff45vil.example/", "https://bank.example/", "evil.example"],
    ["https://evil\u3002example/", "https://bank.example", "evil.example"],
    ["https://evil\uff0eexample/bank.example", "bank.example", "evil.example"],
    ["https://ev%69l.example/", "https://bank.example", "evil.example"],
    ["https://ev\til.exa\nmple/", "bank.example", "evil.example"],
    ["http://2130706433/", "bank.example", "127.0.0.1"],
    ["http://0x7f.1/", "http://0x7f.1/", "127.0.0.1"],
    ["http://[::ffff:7f00:1]:80/", "bank.example", "[::ffff:7f00:1]"],
    ["https://evil.example/x", "evil.example/\u202ehttps", "evil.example"],
    ["https://evil.example/x", "evil.\u200bexample/x", "evil.example"],
    ["mailto:eve@evil.example?subject=x", "Support", "eve@evil.example"],
    ["mailto:eve@evil.example", "root@bank.example", "eve@evil.example"],
    ["mailto:Eve@evil.example", "eve@evil.example", ""],
    ["/chat/", "bank.example", ""],
  ]) {
    it(`is beside ${JSON.stringify(words)} for ${JSON.stringify(address)}: ${shown || "nothing"}`, () => {
      assert.equal(unsaidTarget(address, words), shown);
    });
  }

  for (const sign of ["\u2044", "\u2215", "\uff0f", "\u29f8", "\u3033", "\u0338"]) {
    it(`is never that of a text with the look-alike ${JSON.stringify(sign)}`, () => {
      const address = `https://bank.example${sign}login.evil.example/`;
      const shown = unsaidTarget(address, address);
      if (URL.canParse(address)) assert.match(shown, /evil\.example$|^bank\.example$|xn--/);
      else assert.doesNotMatch(toHtml(`[x](${address})`), /href="[^"]*evil/);
    });
  }
});
