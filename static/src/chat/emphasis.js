/**
 * Which stars, underscores and tildes are emphasis.
 *
 * CommonMark decides by the characters around `**` whether it opens or closes bold text, and expects spaces between words.
 * Some scripts have none: their punctuation inside counts as a word character, their characters outside as a space.
 */
const SCRIPTS = ["Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"];
const CJK = `[${SCRIPTS.map((script) => `\\p{sc=${script}}`).join("")}\\u3000-\\u303f\\u30fb\\u30fc\\uff00-\\uffef]`;
const MARK = `(?!~)(?!${CJK})[\\p{P}\\p{S}]`;
const MARK_OR_SPACE = `(?!~)(?!${CJK})[\\s\\p{P}\\p{S}]`;
const WORD = `(?:[^\\s\\p{P}\\p{S}]|~|${CJK})`;
// `**Note:**text` has no space either, and in other alphabets a suffix follows a quotation.
const SUFFIX = `(?<=[:!?.,;…]\\*\\*)\\p{L}|(?<=["'”’»)]\\*\\*)(?!\\p{sc=Latin})\\p{L}`;

const TILDES = [
  "^[^~]+(?=[^~])",
  `(?!~)${MARK}(~~?)(?=[\\s]|$)`,
  `${WORD}(~~?)(?!~)(?=${MARK_OR_SPACE}|$)`,
  `(?:(?!~)${MARK}(?!~+${CJK})|\\s)(~~?)(?=${WORD})`,
  `[\\s](~~?)(?!~)(?=${MARK})`,
  `(?!~)${MARK}(~~?)(?!~)(?=${MARK}|${CJK})`,
  `${WORD}(~~?)(?=${WORD})`,
];
const STARS = [
  "^[^_*]*?__[^_*]*?\\*[^_*]*?(?=__)|[^*]+(?=[^*])",
  `(?!\\*)${MARK}(\\*+)(?=[\\s]|$|${SUFFIX})`,
  `${WORD}(\\*+)(?!\\*)(?=${MARK_OR_SPACE}|$)`,
  `(?:(?!\\*)${MARK}(?!\\*+${CJK})|\\s)(\\*+)(?=${WORD})`,
  `[\\s](\\*+)(?!\\*)(?=${MARK})`,
  `(?!\\*)${MARK}(\\*+)(?!\\*)(?=${MARK}|${CJK})`,
  `${WORD}(\\*+)(?=${WORD})`,
];
const UNDERSCORES = [
  "^[^_*]*?\\*\\*[^_*]*?_[^_*]*?(?=\\*\\*)|[^_]+(?=[^_])",
  `(?!_)${MARK}(_+)(?=[\\s]|$)`,
  `${WORD}(_+)(?!_)(?=${MARK_OR_SPACE}|${CJK}|$)`,
  `(?!_)${MARK_OR_SPACE}(_+)(?=${WORD})`,
  `[\\s](_+)(?!_)(?=${MARK})`,
  `(?!_)${MARK}(_+)(?!_)(?=${MARK})`,
];

/** Rules for marked's inline tokenizer. */
export const EMPHASIS = {
  punctuation: new RegExp(`^(?:(?![*_])[\\s\\p{P}\\p{S}]|${CJK})`, "u"),
  emStrongLDelim: new RegExp(`^(?:\\*+(?:((?!\\*)${MARK})|([^\\s*]))?)|^_+(?:((?!_)${MARK})|([^\\s_]))?`, "u"),
  emStrongRDelimAst: new RegExp(STARS.join("|"), "gu"),
  emStrongRDelimUnd: new RegExp(UNDERSCORES.join("|"), "gu"),
  delLDelim: new RegExp(`^~~?(?:((?!~)${MARK})|[^\\s~])`, "u"),
  delRDelim: new RegExp(TILDES.join("|"), "gu"),
};
export const UNSPACED_ALPHANUMERIC = new RegExp(`(?!${CJK})[\\p{L}\\p{N}]`, "u");

const ALPHANUMERIC = /[\p{L}\p{N}]/u;
const OPERAND = /[\w)\]]/;
// Names of Python and C, which are hardly ever meant as bold.
const DUNDER =
  /^__(?:(?:init|main|name|file|new|del|call|str|repr|len|iter|next|enter|exit|aenter|aexit|dict|doc|all|class|slots|version|eq|ne|lt|gt|le|ge|hash|bool|add|sub|mul|contains|getattribute|pycache|proto|dirname|filename|typename|annotations|future|import|module|path)__|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+__|\w+?__(?=\(|\.\w))/;

/** The name between double underscores at the beginning of `source`, or undefined. */
export function dunderAt(source) {
  return source.startsWith("__") ? DUNDER.exec(source.slice(0, 100))?.[0] : undefined;
}

/** Products, powers, globs, comments and names are full of stars and underscores. */
export function isAccidental({ type, raw, text }, before, after) {
  const isStrong = type === "strong";
  if (raw[0] === "_") return !isStrong && ALPHANUMERIC.test(before);
  if (after === "/" && (before === "/" || text[0] === "/")) return true;
  if (before === "<" && text[0] === ">") return true;
  if (!OPERAND.test(before) || !/\w/.test(after)) return false;
  return !isStrong || /^\d|\s/.test(text);
}
