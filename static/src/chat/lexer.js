/** marked's lexer with the dialect, formulas and CJK emphasis; the inline content of a block is read only when needed. */
import { Lexer, getDefaults } from "marked";
import { Dialect } from "./dialect.js";
import { EMPHASIS, UNSPACED_ALPHANUMERIC } from "./emphasis.js";
import { namesEntities } from "./entities.js";
import { escaped } from "./escape.js";
import { endOfCode, formulasIn, tickRuns } from "./math.js";
import { withShortcodes } from "./shortcodes.js";

// Some texts, such as thousands of stars, take marked quadratic time: it scans far from each of them. A paragraph that takes
// more steps than these is shown as its source. Text full of markup takes up to 15 steps per character.
const LEAST_STEPS = 200_000;
const STEPS_PER_CHARACTER = 40;
const STEPS_PER_TOKEN = 50;

// marked's rules that search all of the text after each place where they could start, with bounds. A table ends a paragraph
// by its first two lines, a tag or a code span that is longer than this hides no emphasis.
const LONGEST_HIDDEN = 1_000;
const { block, inline } = Lexer.rules;
const TABLE = block.gfm.table.source.slice(1);
const TABLE_HEAD = `${TABLE.slice(0, TABLE.indexOf("(?:\\n((?:"))}(?:\\n|$)`;
const BLOCK = { paragraph: new RegExp(block.gfm.paragraph.source.replace(TABLE, () => TABLE_HEAD)) };
const INLINE = {
  ...EMPHASIS,
  tag: new RegExp(inline.gfm.tag.source.replaceAll("[\\s\\S]*?", `[^]{0,${LONGEST_HIDDEN}}?`)),
  anyPunctuationOutsideCode: new RegExp(
    inline.gfm.anyPunctuationOutsideCode.source.replace("[\\s\\S]*?", `[^]{0,${LONGEST_HIDDEN}}?`), "gu",
  ),
};

export class LazyLexer extends Lexer {
  #source = "";
  #formulas = [];
  #pairs = new Set();
  #ticks = new Map();
  #unread = new Map();
  #namesEntities = null; // of the paragraph or cell that is read
  #steps = 0;
  isCell = false;

  /** `definitions` tells by its label whether a link definition is honored; without it, all definitions are text. */
  constructor(definitions) {
    super({ ...getDefaults(), gfm: true, breaks: true, tokenizer: new Dialect(definitions), hooks: { emStrongMask } });
    const { rules } = this.tokenizer;
    const other = { ...rules.other, unicodeAlphaNumeric: UNSPACED_ALPHANUMERIC };
    this.tokenizer.rules = { ...rules, other, block: { ...rules.block, ...BLOCK }, inline: { ...rules.inline, ...INLINE } };
    // Otherwise marked searches every paragraph for references, which can take a second.
    if (!definitions) this.tokens.links = null;
  }

  /** The blocks of a text, without their inline content. */
  blocksOf(text) {
    this.blockTokens(text, this.tokens);
    for (const { src, tokens } of this.inlineQueue) this.#unread.set(tokens, src);
    return this.tokens;
  }

  /** Reads the inline content of a block. Content that cannot be read stays text. */
  complete(token) {
    if (this.#unread.has(token.tokens)) this.#read(token.tokens);
    else token.tokens?.forEach((inner) => this.complete(inner));
    token.items?.forEach((item) => this.complete(item));
    if (token.type === "table") this.#completeCells([token.header, ...token.rows].flat());
  }

  #completeCells(cells) {
    this.isCell = true;
    cells.forEach((cell) => this.complete(cell));
    this.isCell = false;
  }

  #read(tokens) {
    const source = this.#unread.get(tokens);
    this.#unread.delete(tokens);
    const before = tokens.length;
    this.#steps = LEAST_STEPS + STEPS_PER_CHARACTER * source.length;
    try {
      this.inlineTokens(source, tokens);
    } catch {
      tokens.splice(before, tokens.length, { type: "html", raw: source, text: source, isSource: true });
    }
  }

  inlineTokens(source, tokens = []) {
    const outer = [this.#source, this.#formulas, this.#pairs, this.#ticks, this.#namesEntities];
    [this.#source, this.#formulas, this.#pairs] = [source, formulasIn(source).reverse(), pairsIn(source)];
    this.#ticks = tickRuns(source);
    this.#namesEntities ??= namesEntities(source, this.isCell);
    this.spend(2 * source.length);
    try {
      return mended(super.inlineTokens(source, tokens), this.#namesEntities);
    } finally {
      [this.#source, this.#formulas, this.#pairs, this.#ticks, this.#namesEntities] = outer;
    }
  }

  // -- for the dialect ----------------------------------------------------------------------------------

  /** Counts the work on a paragraph; throws if it is too much. */
  spend(steps) {
    this.#steps -= steps;
    if (this.#steps < 0) throw new RangeError("This text takes too long to read.");
  }

  spendOnToken() {
    this.spend(STEPS_PER_TOKEN);
  }

  formulaAt(rest) {
    const formula = this.#next(rest);
    if (!formula || formula.start > this.#source.length - rest.length) return undefined;
    const raw = rest.slice(0, formula.end - formula.start);
    return { type: "formula", raw, text: raw, isDisplay: formula.isDisplay };
  }

  /** At most this many characters before the rest of the text. */
  textBefore(rest, length) {
    const position = this.#source.length - rest.length;
    return this.#source.slice(Math.max(0, position - length), position);
  }

  distanceToFormula(rest) {
    const formula = this.#next(rest);
    return formula ? formula.start - (this.#source.length - rest.length) : Infinity;
  }

  /** Is this escaped bracket one of a pair? */
  isPaired(bracket) {
    return this.#pairs.has("()".includes(bracket[1]) ? "\\(" : "\\[");
  }

  /** The length of the code span at the beginning of the rest of the text; 0 if there is none. */
  lengthOfCode(rest) {
    const length = /^`*/.exec(rest)[0].length;
    const position = this.#source.length - rest.length;
    const end = length ? endOfCode(this.#ticks, length, position) : position;
    return end > position + length ? end - position : 0;
  }

  #next(rest) {
    const position = this.#source.length - rest.length;
    while (this.#formulas.length && this.#formulas.at(-1).start < position) this.#formulas.pop();
    return this.#formulas.at(-1);
  }

  maskFormulas(masked) {
    let result = "";
    let at = 0;
    for (const { start, end } of this.#formulas.toReversed()) {
      result += `${masked.slice(at, start)}[${"a".repeat(end - start - 2)}]`;
      at = end;
    }
    return result + masked.slice(at);
  }
}

/** The kinds of escaped brackets that are opened and closed. */
function pairsIn(source) {
  const closed = (opening, closing) => source.includes(opening) && source.lastIndexOf(closing) > source.indexOf(opening);
  return new Set([["\\(", "\\)"], ["\\[", "\\]"]].filter((pair) => closed(...pair)).map(([opening]) => opening));
}

/** A star or an underscore in a formula is not emphasis. */
function emStrongMask(masked) {
  return this.lexer.maskFormulas(masked);
}

/** Tags without a partner become text, shortcodes become emoji. */
function mended(tokens, isLiteral) {
  showUnpairedTags(tokens);
  tokens.forEach((token, index) => {
    if (token.type !== "text" || token.tokens) return;
    const isFirst = index === 0 || tokens[index - 1].type === "br";
    const isLast = index === tokens.length - 1 || tokens[index + 1].type === "br";
    token.text = withShortcodes(isLiteral ? token.raw : token.text, { isFirst, isLast });
    if (isLiteral && token.text.includes("&")) Object.assign(token, { text: escaped(token.text), escaped: true });
  });
  return tokens;
}

function showUnpairedTags(tokens) {
  const open = [];
  const paired = new Set();
  tokens.forEach((token, index) => {
    if (!isPairedTag(token)) return;
    const isEnd = token.text[1] === "/";
    const matches = isEnd && tokens[open.at(-1)]?.text.slice(1) === token.text.slice(2);
    if (matches) {
      const begin = open.pop();
      if (isMarkup(tokens.slice(begin + 1, index))) paired.add(tokens[begin]).add(token);
    } else if (!isEnd) open.push(index);
  });
  for (const token of tokens) {
    if (isPairedTag(token) && !paired.has(token)) Object.assign(token, { type: "text", text: token.raw, escaped: false });
  }
}

function isPairedTag({ type, text }) {
  return type === "html" && !text.startsWith("<br");
}

/** In `the <sub> and </sub> tags` and `<sub>...</sub>` the tags are the subject. */
function isMarkup(content) {
  return /^(?!\s|\.{3}$|…$)[^]*\S$/.test(content.map(({ raw }) => raw).join(""));
}
