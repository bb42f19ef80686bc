import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { toHtml } from "../../static/src/chat/markdown.js";
import { hostOf } from "../../static/src/chat/sanitizer.js";

describe("markdown", () => {
  it("knows what the README promises", () => {
    const html = toHtml("# H\n\n**b** *i* ~~d~~ `c`\n\n1. x\n\n- y\n\n> q\n\n---\n\n| a |\n|---|\n| b |\n\n- [x] t");
    for (const tag of ["h1", "strong", "em", "del", "code", "ol", "ul", "blockquote", "hr", "table", "input"]) {
      assert.match(html, new RegExp(`<${tag}\\b`), tag);
    }
  });

  it("turns shortcodes into emoji, but not inside code and not unknown ones", () => {
    assert.match(toHtml(":tada: `:tada:` :nosuch:"), /🎉 <code>:tada:<\/code> :nosuch:/);
  });

  it("colours a finished fence of a language that it knows, and escapes all others", () => {
    assert.match(toHtml("```python\nimport x\n```"), /language-python"><span class="hljs-keyword">import/);
    assert.match(toHtml("```nosuch\n<b>\n```"), /&lt;b&gt;/);
  });

  it("leaves an open fence plain while the answer grows, and colours it at the end", () => {
    for (const open of ["```python\nimport x", "~~~python\nimport x\n~~", "```python\nimport x\n``", "````python\nimport x\n```"]) {
      assert.doesNotMatch(toHtml(open, { isGrowing: true }), /hljs-/, open);
      assert.match(toHtml(open, { isGrowing: true }), /class="language-python"/, open);
      assert.match(toHtml(open), /hljs-keyword/, open);
    }
    assert.match(toHtml("```python\nimport x\n```\nmore", { isGrowing: true }), /hljs-keyword/);
  });

  it("shows tags that would be dropped as they were written", () => {
    assert.match(toHtml("a List<String> here"), /List&lt;String>/);
    assert.match(toHtml("<script>alert(1)</script>"), /&lt;script/);
    assert.match(toHtml("a<br>b"), /a<br>b/);
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
});
