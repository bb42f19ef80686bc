/** What the browser's tests of rendering run on a page: an answer that grows piece by piece, against the whole at once. */
import { Blocks } from "../../static/src/chat/blocks.js";
import { LazyLexer } from "../../static/src/chat/lexer.js";

// Each of them may change what the ones before it mean.
const PIECES = [
  "para one\ntwo\n\n", "# head\n", "para\n---\n\n", "para\n===\n", "- a\n- b\n  - c\n\n    deep\n- d\n", "1. x\n\n2. y\n\n   cont\n\n",
  "2\n", "2.\n", "text\n2. not list\n\n", "```js\nlet a = 1;\n```\n", "```\nopen\n\n\nstill\n", "~~~py\nx\n~~~\n\n", "```md\n```sh\nx\n",
  "- item\n  ```js\n  code\n  ```\n- next\n\n", "> quote\nlazy\n\n> more\n", "> ```\n> q\n> ```\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
  "| 3 | 4 |\n\n", "| 5 | \\(x\\) |\n| س |\n| [ref] | **b** | c |\n", "| 1 | 2 |\n| 3 | 4 |\n", "    indented\n\n    code\n", "<div>\n\nhi\n\n</div>\n\n", "<details><summary>s</summary>\n\ntext\n\n</details>\n",
  "<script>\n\nlet a;\n", "</script>\n", "<?php\n", "?>\n", "a<br>b\n\n", "***\n", "* * *\n\n", "[ref]\n\n", "[ref]: http://x.y/z\n\n",
  "[no]: text\n\n", "![img](http://a.example/b.png)\n\n", "**bold\n", "**\n\n", "`code\n", "` \n\n", "- [ ] todo\n- [x] done\n\n",
  "$5 and $10\n\n", "$x$ and \\(y\\)\n", "$$\n", "\\[\na\n+ b\n", "\\]\n\n", "\\begin{align}\n", ":smile:\n\n", "\\\n", "\t- tab\n",
  "a\\\n\n", "#\n", "#x\n", "&amp; &lt;b&gt;\n\n", "<!-- c\n", "-->\n\n", "1) a\n2) b\n\n", "term\n: def\n\n",
  "http://auto.example/x\n\n", "\n\n\n", " \n", "  \n\n", "+\n", "-\n", "- \n\n", "0. zero\n", "|\n", "| a |\n", "|-|\n", "سلام\n\n",
  "- مرحبا\n- b\n\n", "## two\n\n", "**「重要」**な\r\n", "- n\n<prx\n", "b\n$$x$$\nc\n===\n", "<div\n a=\"b\"\n>\nx\n", "| `a|b` | c |\n", "> - a\n>   > b\n",
];

export function element() {
  return document.body.appendChild(document.createElement("div"));
}

function whole(text, options) {
  const target = document.createElement("div");
  new Blocks(target).show(text, options);
  return target;
}

function compared(target, expected) {
  target.normalize();
  expected.normalize();
  return target.isEqualNode(expected) ? {} : { got: target.innerHTML, expected: expected.innerHTML };
}

/** Shows the text in pieces; returns the first prefix that looks otherwise than the whole would, if there is one. */
export function difference(text, nextLength) {
  const target = document.createElement("div");
  const blocks = new Blocks(target);
  let prefixes = 0;
  for (let length = 0; length < text.length; ) {
    length = Math.min(text.length, length + nextLength());
    const isGrowing = true;
    const prefix = text.slice(0, length);
    blocks.show(prefix, { isGrowing });
    prefixes++;
    const result = compared(target.cloneNode(true), whole(prefix, { isGrowing }));
    if (result.got !== undefined) return { prefixes, prefix, ...result };
  }
  blocks.show(text);
  return { prefixes, prefix: text, isEnd: true, ...compared(target, whole(text)) };
}

/** Random documents, cut at random places. */
export function fuzz(seed, documents) {
  let state = seed;
  const random = (below) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  let prefixes = 0;
  const differences = [];
  for (let number = 0; number < documents; number++) {
    const text = Array.from({ length: 3 + random(number % 10 ? 14 : 140) }, () => PIECES[random(PIECES.length)]).join("");
    const result = difference(text, () => 1 + random(9));
    prefixes += result.prefixes;
    if (result.got !== undefined) differences.push(result);
  }
  return { prefixes, differences };
}

/** How many characters are parsed while a text comes in. */
export function lexed(text, size) {
  const { blocksOf } = LazyLexer.prototype;
  let count = 0;
  LazyLexer.prototype.blocksOf = function (source) {
    count += source.length;
    return blocksOf.call(this, source);
  };
  try {
    const blocks = new Blocks(element());
    for (let length = size; length < text.length; length += size) blocks.show(text.slice(0, length), { isGrowing: true });
    blocks.show(text);
  } finally {
    LazyLexer.prototype.blocksOf = blocksOf;
  }
  return count;
}

export { Blocks };
