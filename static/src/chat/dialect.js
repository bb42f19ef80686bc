/** Markdown as models write it, where marked reads it differently: text that is not meant as markup stays text. */
import { Tokenizer } from "marked";
import { addressAt, isAddress, isPicture } from "./addresses.js";
import { dunderAt, isAccidental } from "./emphasis.js";
import { readFence } from "./fences.js";
import { lengthOfHtml } from "./html-source.js";
import { formulaBlockWithin, readFormulaBlock } from "./math.js";
import { cellsOf } from "./table-cells.js";

// Deeper nesting is never intended, and marked recurses: 5,000 `>` would overflow the stack.
const MOST_LEVELS = 16;
const TOO_DEEP = new RegExp(`^(?:[ \\t]*(?:>|(?:[-+*]|\\d{1,9}[.)])[ \\t])){${MOST_LEVELS + 1}}`);

const LONGEST_QUOTE = 10_000; // a longer one becomes two: marked reads all lines again after each block that ends one

const MOST_EMPHASES = 8;
const LONG_PARAGRAPH = 4_000;
const LONGEST_EMPHASIS = 2_000; // in a long paragraph
const STEPS_PER_MARKER = 40;
const BEFORE_EMPHASIS = 100; // marked reads back over a run of stars
const LONGEST_BREAK = 200;
const LONGEST_TEXT = 1_000;
const LONGEST_TEXT_WITHOUT_EMAIL = 100;
const LONGEST_WORD = 100;
const LONGEST_EMAIL = 320;

const BARE_TAG = /^<(?:br[ \t]*\/?|\/?(?:sub|sup|kbd))>/i;
const LONGEST_TAG = 2_000;
const TABLE_HEAD = /^ *[^\n ].*\n[ :|-]+(?=\n|$)/;
const LONGEST_TITLE = 1_000; // at each line of a list item, marked searches for the end of a title
const UNDERLINED_TITLE = /\n {0,3}={3,}[ \t]*\n*$/;
const PATH_OR_PATTERN = /\\[A-Za-z]/;

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
    if (!/^ {0,3}>/.test(source)) return undefined;
    return this.#nested(source, () => super.blockquote(startOf(source, LONGEST_QUOTE)));
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

  html(source) {
    const length = lengthOfHtml(source, this.rules.other.htmlBeginRegex(3));
    return length ? asSource(source.slice(0, length)) : undefined;
  }

  def(source) {
    if (!this.#definitions) return undefined;
    const token = super.def(source);
    if (!token || token.tag.startsWith("^") || !isAddress(token.href)) return undefined;
    const isFirst = !Object.hasOwn(this.lexer.tokens.links, token.tag);
    return isFirst && this.#definitions(token.tag) ? token : undefined;
  }

  /** marked reads all following lines before it counts the columns, so the first two are read alone. */
  table(source) {
    const queue = this.lexer.inlineQueue;
    const before = queue.length;
    const head = TABLE_HEAD.exec(source)?.[0];
    const isTable = Boolean(head && super.table(head));
    queue.length = before;
    if (!isTable) return undefined;
    const token = super.table(endOfTable(source));
    const queued = new Map(queue.slice(before).map((entry) => [entry.tokens, entry]));
    token?.raw.split("\n").slice(2).forEach((line, index) => setCells(token.rows[index], line, queued));
    return token;
  }

  /** A line of `-` is a rule: as an underline it would briefly turn the paragraph before a list into a heading. */
  lheading(source) {
    const near = source.slice(0, LONGEST_TITLE);
    const token = super.lheading(near);
    const isCut = near.length < source.length && token?.raw.length === near.length;
    if (token && !isCut && UNDERLINED_TITLE.test(token.raw)) return token;
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
    this.lexer.spendOnToken();
    const formula = this.lexer.formulaAt(source);
    if (formula) return formula;
    const bracket = /^\\[()[\]]/.exec(source)?.[0];
    // The other half of the formula has not arrived: the backslash stays.
    if (bracket && !this.lexer.isPaired(bracket)) return asText(bracket);
    const escape = super.escape(source);
    return escape && this.#isInPathOrPattern(source) ? asText(escape.raw) : escape;
  }

  /** The backslashes of `\\server\share` and `\d+\.\d+` are text. */
  #isInPathOrPattern(source) {
    const word = `${/\S*$/.exec(this.lexer.textBefore(source, LONGEST_WORD))[0]}${/^\S*/.exec(source.slice(0, LONGEST_WORD))[0]}`;
    return PATH_OR_PATTERN.test(word);
  }

  tag(source) {
    const bare = BARE_TAG.exec(source)?.[0];
    if (bare) return /^<br/i.test(bare) ? this.#lineBreak(source, bare) : asTag(bare);
    const tag = source[0] === "<" && this.rules.inline.tag.exec(source.slice(0, LONGEST_TAG))?.[0];
    return tag ? asLines(tag) : undefined;
  }

  /** `<br>` that stands between spaces is a word of the sentence, except on a line of its own and in the cell of a table. */
  #lineBreak(source, bare) {
    const [before, after] = [this.lexer.textBefore(source, 1), source.slice(bare.length)];
    const isFree = /^[\s("'“‘[/]?$/.test(before) && /^(?:$|[\s.,;:!?)"'”’\]/<])/.test(after);
    const endsLine = /^[ \t]*\n/.exec(after)?.[0] ?? "";
    const isAlone = /^\n?$/.test(before) && (endsLine || !after.trim());
    if (this.lexer.isCell ? before === "" : isFree && !isAlone && !endsLine) return asText(bare);
    return { type: "html", raw: bare + endsLine, text: bare.toLowerCase(), block: false };
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
    const token = super.reflink(source, new Proxy(links ?? Object.create(null), { get }));
    if (token && token.type !== "text") this.usedLabels.add(label);
    return token;
  }

  autolink(source) {
    const token = super.autolink(source);
    return token && isAddress(token.href) ? token : undefined;
  }

  url(source) {
    const address = addressAt(source);
    this.lexer.spend(5 * address.length);
    // marked knows only ASCII in the name of a host.
    const token = super.url(address ? address.replace(/[^\x00-\x7f]/g, "a") : source.slice(0, LONGEST_EMAIL));
    if (!token || !address) return token && isAddress(token.href) ? token : undefined;
    const raw = address.slice(0, token.raw.length);
    const href = /^www\./i.test(raw) ? `http://${raw}` : raw;
    return isAddress(href) ? { ...token, raw, text: raw, href, tokens: [asText(raw)] } : undefined;
  }

  /** A single tilde means "about" or "to". */
  del(source, masked, before) {
    return source.startsWith("~~") ? super.del(...this.#nearby(source, masked), before) : undefined;
  }

  /** Without bounds on length and nesting marked takes cubic time. */
  emStrong(source, masked, before) {
    if (this.#emphases >= MOST_EMPHASES || dunderAt(source) || !opensEmphasis(source, before)) return undefined;
    this.#emphases++;
    try {
      const token = super.emStrong(...this.#nearby(source, masked), before);
      if (!token || !isAccidental(token, before, source.charAt(token.raw.length))) return token;
      return asText(/^(.)\1*/.exec(source)[0]);
    } finally {
      this.#emphases--;
    }
  }

  /** The part of a long paragraph in which an emphasis can end. The search costs time per marker. */
  #nearby(source, masked) {
    const isLong = masked.length > LONG_PARAGRAPH;
    const position = masked.length - source.length;
    const near = isLong ? masked.slice(Math.max(0, position - BEFORE_EMPHASIS), position + LONGEST_EMPHASIS) : masked;
    this.lexer.spend(STEPS_PER_MARKER * near.split(source[0]).length);
    return [isLong ? source.slice(0, LONGEST_EMPHASIS) : source, near];
  }

  /** marked searches all of the text for the end, once for each run of backticks without one. */
  codespan(source) {
    return super.codespan(source.slice(0, this.lexer.lengthOfCode(source)));
  }

  /** At each line end marked checks whether anything but white space follows. */
  br(source) {
    return super.br(source.slice(0, LONGEST_BREAK));
  }

  inlineText(source) {
    const dunder = dunderAt(source);
    if (dunder) return asText(dunder);
    return super.inlineText(source.slice(0, Math.min(this.lexer.distanceToFormula(source), endOfWords(source))));
  }
}

function setCells(row, line, queued) {
  if (!row || !/[`$]|\|.*\|/.test(line)) return;
  cellsOf(line, row.length).forEach((text, column) => {
    const cell = row[column];
    if (cell.text === text) return;
    cell.text = text;
    queued.get(cell.tokens).src = text;
  });
}

/** At most this many characters, up to the end of a line if there is one. */
function startOf(source, length) {
  if (source.length <= length) return source;
  const end = source.lastIndexOf("\n", length);
  return source.slice(0, end > 0 ? end + 1 : length);
}

function opensEmphasis(source, before) {
  return /^(?:\*+[^\s*]|_+[^\s_])/.test(source) && (source[0] === "*" || !/\w/.test(before));
}

/** At each word marked searches the rest of its input for an email address, so the input is cut. */
function endOfWords(source) {
  const longest = source.slice(0, LONGEST_TEXT).includes("@") ? LONGEST_TEXT : LONGEST_TEXT_WITHOUT_EMAIL;
  if (source.length <= longest) return source.length;
  const space = Math.max(source.lastIndexOf(" ", longest), source.lastIndexOf("\n", longest));
  return space > 0 ? space : longest;
}

/** A line without `|` below rows that begin with it is no row. */
function endOfTable(source) {
  if (source[0] !== "|") return source;
  const end = /\n(?!.*\|)/.exec(source);
  return end ? source.slice(0, end.index + 1) : source;
}

function asText(raw) {
  return { type: "text", raw, text: raw, escaped: false };
}

function asTag(raw) {
  return { type: "html", raw, text: raw.toLowerCase(), block: false };
}

function asLines(raw) {
  if (!raw.includes("\n")) return asText(raw);
  const tokens = raw.split("\n").flatMap((line, index) => [...(index ? [{ type: "br", raw: "\n" }] : []), asText(line.trim())]);
  return { type: "lines", raw, tokens };
}

function asSource(raw) {
  const text = raw.replace(/\n+$/, "");
  return { type: "html", block: true, raw: text, text };
}
