/** Markdown to HTML, block by block. The result is NOT safe yet: `sanitizer.js` is the only way into the page. */
import { Parser, getDefaults } from "marked";
import { escaped } from "./escape.js";
import { withoutHidden } from "./invisible.js";
import { LazyLexer } from "./lexer.js";

const PROBABLY_DEFINITION = /^[ >\t]*\[[^\]\n]+\]:/m;
// The beginning of a line that may still become a rule, a list item, a fence or the second line of a table.
const AMBIGUOUS_LINE = /^[ \t>]*(?:[-=*_+~#|:` \t]*|\d{1,9}[.)]?[ \t]*)$/;
const MOST_AMBIGUOUS = 80;

const parser = new Parser({
  ...getDefaults(),
  renderer: undefined,
  extensions: { renderers: { formula: formulaHtml, html: sourceHtml, code: codeHtml, lines: linesHtml }, childTokens: {} },
});

/** The text with LF line ends, and without hidden characters. */
export function normalized(text) {
  return withoutHidden(text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);
}

/** A growing answer without its last line as long as that line is ambiguous, so that nothing flashes. */
export function clearPart(text) {
  const begin = text.lastIndexOf("\n") + 1;
  const isAmbiguous = text.length - begin <= MOST_AMBIGUOUS && AMBIGUOUS_LINE.test(text.slice(begin));
  return isAmbiguous ? text.slice(0, begin) : text;
}

/** The labels of the link definitions that are used; unused definitions are text. */
export function definitionsIn(text) {
  if (!PROBABLY_DEFINITION.test(text)) return new Set();
  const lexer = new LazyLexer(() => true);
  for (const token of blockTokensOf(lexer, text)) lexer.complete(token);
  return lexer.tokenizer.usedLabels;
}

/**
 * The blocks of a text, in order: {raw, length, endsBlank, isWhole, isOpenFence, token, lexer}. Blank lines belong to the
 * previous block. The lengths add up to the length of the text, unless marked reconstructed `raw`.
 */
export function blocksOf(text, definitions = new Set()) {
  const lexer = new LazyLexer(definitions.size ? (label) => definitions.has(label) : undefined);
  const blocks = [];
  for (const token of blockTokensOf(lexer, text)) {
    const last = blocks.at(-1);
    if (token.type === "space" && last) {
      last.length += token.raw.length;
      last.endsBlank = true;
    } else blocks.push(blockOf(token, lexer));
  }
  return blocks;
}

/**
 * The number of blocks that no later text can change: up to the last one that ends with a blank line, or cannot be continued,
 * and is followed by two more. The next block may still become part of it, as `2` does when it becomes `2.`
 */
export function finalBlocksOf(blocks) {
  return blocks.findLastIndex(({ endsBlank, isWhole }, index) => (endsBlank || isWhole) && index + 2 < blocks.length) + 1;
}

function blockTokensOf(lexer, text) {
  try {
    return lexer.blocksOf(text);
  } catch {
    return [{ type: "html", block: true, raw: text, text }];
  }
}

function blockOf(token, lexer) {
  const { type, raw } = token;
  return {
    token,
    lexer,
    raw,
    length: raw.length,
    endsBlank: type === "space" || /\n[ \t]*\n$/.test(raw),
    isOpenFence: type === "code" && token.isOpen === true && !token.isIndented,
    // No later text can become part of these.
    isWhole: type === "heading" || type === "hr" || (type === "code" && token.isOpen === false),
  };
}

/** A block that cannot be rendered is shown as its source. */
export function htmlOf({ token, lexer, raw }) {
  try {
    lexer.complete(token);
    return parser.parse([token]);
  } catch {
    return sourceHtml({ block: true, text: raw });
  }
}

/** The whole text at once. */
export function toHtml(text, { isGrowing = false } = {}) {
  const whole = normalized(text);
  const shown = isGrowing ? clearPart(whole) : whole;
  return blocksOf(shown, isGrowing ? new Set() : definitionsIn(shown)).map(htmlOf).join("");
}

// -- renderers ----------------------------------------------------------------------------

function formulaHtml({ text, isDisplay, isBlock }) {
  const code = `<code class="math-${isDisplay ? "display" : "inline"}">${escaped(text)}</code>`;
  return isBlock ? `<p>${code}</p>` : code;
}

function linesHtml({ tokens }) {
  return parser.parseInline(tokens);
}

/** A block is shown as its source. Inline, only allowed tags are HTML tokens. */
function sourceHtml({ block, isSource, text }) {
  if (isSource) return `<span class="source">${escaped(text)}</span>`;
  return block ? `<p class="source">${escaped(text)}</p>` : text;
}

function codeHtml({ text, lang, isOpen }) {
  const language = /^[^\s{]+/.exec(lang ?? "")?.[0];
  const name = language ? ` class="language-${escaped(language)}"` : "";
  return `<pre><code${name}>${escaped(text)}${isOpen || !text ? "" : "\n"}</code></pre>`;
}
