import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { clearPart, toHtml } from "../../static/src/chat/markdown.js";
import { formulasIn } from "../../static/src/chat/math.js";
import { hostOf, unsaidTarget } from "../../static/src/chat/sanitizer.js";
import { loadEmoji } from "../../static/src/chat/shortcodes.js";

await loadEmoji();

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
    ["mailto:root@bank.example?subject=bcc=x&body=y", "root@bank.example", ""],
    ["mailto:root@bank.example?bcc=eve@evil.example", "root@bank.example", "root@bank.example, bcc=eve@evil.example"],
    ["mailto:root@bank.example?subject=x&%62cc=eve%40evil.example", "root@bank.example", "root@bank.example, %62cc=eve%40evil.example"],
    ["mailto:root@bank.example?CC=a@evil.example&to=b@evil.example", "Support", "root@bank.example, CC=a@evil.example, to=b@evil.example"],
    ["mailto:root@bank.example?to=eve@evil.example", "root@bank.example?to", "root@bank.example, to=eve@evil.example"],
    ["mailto:root@bank.example,eve@evil.example", "root@bank.example", "root@bank.example,eve@evil.example"],
    ["mailto:root@bank.example#?bcc=eve@evil.example", "root@bank.example", "root@bank.example#, bcc=eve@evil.example"],
    ["https://chat.example/accounts/delete/", "https://bank.example", "chat.example"],
    ["https://chat.example/accounts/delete/", "bank.example/login", "chat.example"],
    ["https://chat.example/accounts/delete/", "Log in at https://bank.example", "chat.example"],
    ["https://chat.example/accounts/delete/", "bank\u200b.ex\u00adample", "chat.example"],
    ["https://chat.example/accounts/delete/", "root@bank.example", "chat.example"],
    ["https://chat.example/accounts/delete/", "chat.example.bank.example", "chat.example"],
    ["https://chat.example/chat/", "https://chat.example/chat/", ""],
    ["https://chat.example/chat/", "✈️ Lisbon, Porto. And back", ""],
  ]) {
    it(`is beside ${JSON.stringify(words)} for ${JSON.stringify(address)}: ${shown || "nothing"}`, () => {
      assert.equal(unsaidTarget(address, words, "chat.example"), shown);
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
