/** marked's lexer with the dialect, formulas and CJK emphasis; the inline content of a block is read only when needed. */
import { Lexer, getDefaults } from "marked";
import { Dialect } from "./dialect.js";
import { withEmoji } from "./emoji.js";
import { formulasIn } from "./math.js";

const CJK = "[\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Hangul}\\p{sc=Bopomofo}\\u3000-\\u303f\\u30fb\\u30fc\\uff00-\\uffef]";
const MARK = `(?!~)(?!${CJK})[\\p{P}\\p{S}]`;
const MARK_OR_SPACE = `(?!~)(?!${CJK})[\\s\\p{P}\\p{S}]`;
const WORD_CHARACTER = `(?:[^\\s\\p{P}\\p{S}]|~|${CJK})`;

/**
 * CommonMark decides by the characters around `**` whether it opens or closes bold text, and expects spaces between words.
 * CJK text has none, so CJK punctuation inside counts as a word character, and a CJK character outside as a space.
 */
const CJK_EMPHASIS = {
  punctuation: new RegExp(`^(?:(?![*_])[\\s\\p{P}\\p{S}]|${CJK})`, "u"),
  emStrongLDelim: new RegExp(`^(?:\\*+(?:((?!\\*)${MARK})|([^\\s*]))?)|^_+(?:((?!_)(?!~)[\\p{P}\\p{S}])|([^\\s_]))?`, "u"),
  emStrongRDelimAst: new RegExp(
    "^[^_*]*?__[^_*]*?\\*[^_*]*?(?=__)|[^*]+(?=[^*])" +
      `|(?!\\*)${MARK}(\\*+)(?=[\\s]|$)` +
      `|${WORD_CHARACTER}(\\*+)(?!\\*)(?=${MARK_OR_SPACE}|$)` +
      `|(?:(?!\\*)${MARK}(?!\\*+${CJK})|\\s)(\\*+)(?=${WORD_CHARACTER})` +
      `|[\\s](\\*+)(?!\\*)(?=${MARK})` +
      `|(?!\\*)${MARK}(\\*+)(?!\\*)(?=${MARK}|${CJK})` +
      `|${WORD_CHARACTER}(\\*+)(?=${WORD_CHARACTER})`,
    "gu",
  ),
};

export class LazyLexer extends Lexer {
  #source = "";
  #formulas = [];
  #pairs = new Set();
  #unread = new Map();

  /** `definitions` tells by its label whether a link definition is honored; without it, all definitions are text. */
  constructor(definitions) {
    super({ ...getDefaults(), gfm: true, breaks: true, tokenizer: new Dialect(definitions), hooks: { emStrongMask } });
    const { rules } = this.tokenizer;
    this.tokenizer.rules = { ...rules, inline: { ...rules.inline, ...CJK_EMPHASIS } };
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
    if (token.type === "table") [token.header, ...token.rows].flat().forEach((cell) => this.complete(cell));
  }

  #read(tokens) {
    const source = this.#unread.get(tokens);
    this.#unread.delete(tokens);
    const before = tokens.length;
    try {
      this.inlineTokens(source, tokens);
    } catch {
      tokens.splice(before, tokens.length, { type: "text", raw: source, text: source, escaped: false });
    }
  }

  inlineTokens(source, tokens = []) {
    const outer = [this.#source, this.#formulas, this.#pairs];
    [this.#source, this.#formulas, this.#pairs] = [source, formulasIn(source).reverse(), pairsIn(source)];
    try {
      return mended(super.inlineTokens(source, tokens));
    } finally {
      [this.#source, this.#formulas, this.#pairs] = outer;
    }
  }

  // -- for the dialect ----------------------------------------------------------------------------------

  formulaAt(rest) {
    const formula = this.#next(rest);
    if (!formula || formula.start > this.#source.length - rest.length) return undefined;
    const raw = rest.slice(0, formula.end - formula.start);
    return { type: "formula", raw, text: raw, isDisplay: formula.isDisplay };
  }

  distanceToFormula(rest) {
    const formula = this.#next(rest);
    return formula ? formula.start - (this.#source.length - rest.length) : Infinity;
  }

  /** Is this escaped bracket one of a pair? */
  isPaired(bracket) {
    return this.#pairs.has("()".includes(bracket[1]) ? "\\(" : "\\[");
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
function mended(tokens) {
  showUnpairedTags(tokens);
  tokens.forEach((token, index) => {
    if (token.type !== "text" || token.tokens) return;
    const isFirst = index === 0 || tokens[index - 1].type === "br";
    const isLast = index === tokens.length - 1 || tokens[index + 1].type === "br";
    token.text = withEmoji(token.text, { isFirst, isLast });
  });
  return tokens;
}

function showUnpairedTags(tokens) {
  const open = [];
  const paired = new Set();
  for (const token of tokens.filter(({ type, text }) => type === "html" && !text.startsWith("<br"))) {
    const isEnd = token.text[1] === "/";
    const matches = isEnd && open.at(-1)?.text.slice(1) === token.text.slice(2);
    if (matches) paired.add(open.pop()).add(token);
    else if (!isEnd) open.push(token);
  }
  for (const token of tokens) {
    if (token.type !== "html" || token.text.startsWith("<br") || paired.has(token)) continue;
    Object.assign(token, { type: "text", text: token.raw, escaped: false });
  }
}
