/** Markdown as models write it, where marked reads it differently: text that is not meant as markup stays text. */
import { Tokenizer } from "marked";
import { ENDS_ADDRESS, isAddress, isPicture } from "./addresses.js";
import { readFence } from "./fences.js";
import { formulaBlockWithin, readFormulaBlock } from "./math.js";

// Deeper nesting is never intended, and marked recurses: 5,000 `>` would overflow the stack.
const MOST_LEVELS = 16;
const TOO_DEEP = new RegExp(`^(?:[ \\t]*(?:>|(?:[-+*]|\\d{1,9}[.)])[ \\t])){${MOST_LEVELS + 1}}`);

const MOST_EMPHASES = 8;
const LONGEST_EMPHASIS = 4_000;
const BEFORE_EMPHASIS = 100; // marked reads back over a run of stars
const LONGEST_TEXT = 1_000;

const BARE_TAG = /^<(?:br[ \t]*\/?|\/?(?:sub|sup|kbd))>/i;
// The search for the end of a comment is bounded; without a bound, 20,000 openings would take seconds.
const LONGEST_TAG = 2_000;
const CODE_ELEMENT = /^ {0,3}<(script|pre|style|textarea)\b[^>\n]*>[ \t]*\n/i;
const CLOSED_BY = [[/^ {0,3}<!--/, "-->"], [/^ {0,3}<\?/, "?>"], [/^ {0,3}<!\[CDATA\[/, "]]>"], [/^ {0,3}<!/, ">"]];
const LONE_TAG = /^ {0,3}<(?!\/?(?:br|sub|sup|kbd)\b)\/?[a-z][a-z0-9-]*(?:\s[^<>\n]*)?\/?>[ \t]*(?:\n|$)/i;
const BLANK_LINE = /\n[ \t]*(?=\n)/;
const UNDERLINED_TITLE = /\n {0,3}={3,}[ \t]*\n*$/;
// Names of Python and JavaScript, which are hardly ever meant as bold.
const DUNDER =
  /^__(?:init|main|name|file|new|del|call|str|repr|len|iter|next|enter|exit|aenter|aexit|dict|doc|all|class|slots|version|eq|ne|lt|gt|le|ge|hash|bool|add|sub|mul|contains|(?:get|set|del)(?:item|attr)|getattribute|post_init|pycache|proto|dirname|filename|typename|annotations|future|import|module|path|init_subclass)__/;
const WEB = /^(?:https?:\/\/|www\.)/i;

export class Dialect extends Tokenizer {
  #levels = 0;
  #emphases = 0;
  #definitions;

  constructor(definitions) {
    super();
    this.#definitions = definitions;
    this.usedLabels = new Set();
  }

  // -- blocks -------------------------------------------------------------------------------------------------

  fences(source) {
    const formula = readFormulaBlock(source);
    if (formula?.tex) return { type: "formula", raw: formula.raw, text: formula.raw.trim(), isDisplay: true, isBlock: true };
    if (formula) return asSource(formula.raw);
    const fence = readFence(source);
    return fence && { type: "code", lang: fence.info, ...fence };
  }

  blockquote(source) {
    return this.#nested(source, () => super.blockquote(source));
  }

  list(source) {
    return this.#nested(source, () => super.list(source));
  }

  #nested(source, read) {
    if (this.#levels >= MOST_LEVELS || TOO_DEEP.test(source)) return undefined;
    this.#levels++;
    try {
      return read();
    } finally {
      this.#levels--;
    }
  }

  /** HTML is shown as its source, up to a blank line. */
  html(source) {
    const isLone = LONE_TAG.test(source) && this.lexer.state.lastToken?.type !== "paragraph";
    if (!isLone && !this.rules.other.htmlBeginRegex(3).test(source)) return undefined;
    return asSource(source.slice(0, endOfHtml(source)));
  }

  def(source) {
    if (!this.#definitions) return undefined;
    const token = super.def(source);
    if (!token || token.tag.startsWith("^") || !isAddress(token.href)) return undefined;
    const isFirst = !Object.hasOwn(this.lexer.tokens.links, token.tag);
    return isFirst && this.#definitions(token.tag) ? token : undefined;
  }

  /** Cells beyond the last column are not dropped: they belong to the last cell. */
  table(source) {
    const token = super.table(source);
    token?.raw.split("\n").slice(2).forEach((line, index) => this.#keepCells(cellsOf(line), token.rows[index]));
    return token;
  }

  #keepCells(cells, row) {
    if (!row || cells.length <= row.length) return;
    const last = row.at(-1);
    last.text = cells.slice(row.length - 1).join(" | ");
    this.lexer.inlineQueue.findLast(({ tokens }) => tokens === last.tokens).src = last.text;
  }

  /** A line of `-` is a rule: as an underline it would briefly turn the paragraph before a list into a heading. */
  lheading(source) {
    const token = super.lheading(source);
    if (token && UNDERLINED_TITLE.test(token.raw)) return token;
    if (token) this.lexer.inlineQueue.pop();
    return undefined;
  }

  /** A formula on its own lines ends a paragraph. */
  paragraph(source) {
    const all = this.rules.block.paragraph.exec(source)?.[0];
    if (!all) return undefined;
    const end = formulaBlockWithin(all, source);
    const raw = end < 0 ? all : all.slice(0, end);
    const text = raw.replace(/\n$/, "");
    return { type: "paragraph", raw, text, tokens: this.lexer.inline(text) };
  }

  // -- inline ------------------------------------------------------------------------------------------

  /** marked calls it first at each position, so formulas are recognized here. */
  escape(source) {
    const formula = this.lexer.formulaAt(source);
    if (formula) return formula;
    const bracket = /^\\[()[\]]/.exec(source)?.[0];
    // The other half of the formula has not arrived: the backslash stays.
    if (bracket && !this.lexer.isPaired(bracket)) return asText(bracket);
    return super.escape(source);
  }

  tag(source) {
    const bare = BARE_TAG.exec(source)?.[0];
    if (bare) return { type: "html", raw: bare, text: bare.toLowerCase(), block: false };
    const tag = source[0] === "<" && this.rules.inline.tag.exec(source.slice(0, LONGEST_TAG))?.[0];
    return tag ? asText(tag) : undefined;
  }

  link(source) {
    const { linkEmitted } = this.lexer.state;
    const token = super.link(source);
    if (!token || (token.type === "image" ? isPicture(token.href) : isAddress(token.href))) return token;
    this.lexer.state.linkEmitted = linkEmitted;
    return undefined;
  }

  reflink(source, links) {
    if (source[0] !== "[" && source[0] !== "!") return undefined;
    let label;
    const get = (target, name) => target[(label = name)];
    const token = super.reflink(source, new Proxy(links ?? {}, { get }));
    if (token && token.type !== "text") this.usedLabels.add(label);
    return token;
  }

  autolink(source) {
    const token = super.autolink(source);
    return token && isAddress(token.href) ? token : undefined;
  }

  url(source) {
    if (!WEB.test(source)) return super.url(source);
    const word = /^[^\s<]*/.exec(source)[0];
    const end = word.search(ENDS_ADDRESS);
    const token = super.url(end < 0 ? source : word.slice(0, end));
    return token && isAddress(token.href) ? token : undefined;
  }

  /** A single tilde means "about" or "to". */
  del(source, masked, before) {
    return source.startsWith("~~") ? super.del(source, masked, before) : undefined;
  }

  /** Without bounds on length and nesting marked takes cubic time. */
  emStrong(source, masked, before) {
    if (this.#emphases >= MOST_EMPHASES || DUNDER.test(source)) return undefined;
    const position = masked.length - source.length;
    this.#emphases++;
    try {
      const near = masked.slice(Math.max(0, position - BEFORE_EMPHASIS), position + LONGEST_EMPHASIS);
      return super.emStrong(source.slice(0, LONGEST_EMPHASIS), near, before);
    } finally {
      this.#emphases--;
    }
  }

  inlineText(source) {
    const dunder = DUNDER.exec(source)?.[0];
    if (dunder) return asText(dunder);
    return super.inlineText(source.slice(0, Math.min(this.lexer.distanceToFormula(source), endOfWords(source))));
  }
}

/** At each word marked searches the rest of its input for an email address, so the input is cut. */
function endOfWords(source) {
  if (source.length <= LONGEST_TEXT) return source.length;
  const space = Math.max(source.lastIndexOf(" ", LONGEST_TEXT), source.lastIndexOf("\n", LONGEST_TEXT));
  return space > 0 ? space : LONGEST_TEXT;
}

function cellsOf(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function asText(raw) {
  return { type: "text", raw, text: raw, escaped: false };
}

function asSource(raw) {
  const text = raw.replace(/\n+$/, "");
  return { type: "html", block: true, raw: text, text };
}

function endOfHtml(source) {
  const code = CODE_ELEMENT.exec(source);
  if (code) return lineEnd(source, source.search(new RegExp(`</${code[1]}>`, "i")));
  const blank = BLANK_LINE.exec(source)?.index ?? source.length;
  const closer = CLOSED_BY.find(([opening]) => opening.test(source))?.[1];
  const closed = closer ? source.slice(0, blank).indexOf(closer) : -1;
  return closed < 0 ? blank : lineEnd(source, closed);
}

function lineEnd(source, from) {
  const newline = from < 0 ? -1 : source.indexOf("\n", from);
  return newline < 0 ? source.length : newline;
}
