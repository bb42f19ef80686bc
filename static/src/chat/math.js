/**
 * Finds formulas in text: `$…$` by pandoc's rules, `$$…$$`, `\(…\)`, `\[…\]`, and on their own lines also `\begin{…}`.
 *
 * Dollar signs usually mean money, and escaped brackets are often just brackets, so a formula must look like one. Every
 * scan is linear: an answer may consist of 50,000 dollar signs.
 */

// More text than this between two delimiters is not a formula.
const MOST_CHARACTERS = 4_000;
const MOST_LINES = 100; // of a paragraph that may begin a formula
const AMOUNT = /^[\d.,\s]+[kKmMbB%]?$/;
const AMOUNT_AND_WORDS = /^\d[\d.,]*[kKmMbB%]?\s+\p{L}{2,}/u;
const AMOUNT_AND_MORE = /^\d[\d.,]*[kKmMbB%]?[\s,;(][^\\^_={}<>+*/|-]*$/;
// Currencies, variables of a shell, and the end of a pattern or of a quotation.
const NO_MATH = /[€£¥₹₩₽]|^[A-Z][A-Z0-9_]{2,}[/:]|^[/,;:)\]}'"&]|^\|[^|]*$/;
const SPACED_MATH = /\\[a-zA-Z]|[\^_=]/;
const OPERATOR = /[\\^_={}<>+*/|]/;
const WORDS = /^[\p{L}\p{N}\s.,:;'’!?&-]*$/u;
const WORD = /\p{Ll}\p{L}{2}|\p{L}{2}\p{Ll}/u;
const FOREIGN_LETTER = /(?![\p{sc=Latin}\p{sc=Greek}])\p{L}/u;
const TEXT_COMMAND = /\\(?:text|mathrm|mbox|operatorname|tag)/;
const IN_PATTERN = /[*+?^|]$|\\[a-zA-Z]$/;
const REFERENCE = /^[\d\s,;–-]+$/;

const PAIRS = { "$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]" };
const MARK = /\\[\s\S]|`+|\$+/g;
const BLOCK =
  /^ {0,3}(?:\$\$(?!\$)|\\\[|\\begin\{(?:equation|align|aligned|alignat|alignedat|gather|gathered|multline|eqnarray|split|[pbvVB]?matrix|smallmatrix|[dr]?cases|array)\*?\})/;
const BLOCK_LINE = /\n {0,3}(?:\$\$|\\\[|\\begin\{)/g;
const BLANK_LINE = /\n[ \t]*\n/;

/** All formulas in the source of a paragraph, in order: [{start, end, tex, isDisplay}]. */
export function formulasIn(source) {
  if (!/\$|\\[([]/.test(source)) return [];
  const marks = marksOf(source);
  const found = [];
  for (let index = 0; index + 1 < marks.length; index++) {
    const formula = formulaBetween(source, marks[index], marks[index + 1]);
    if (!formula) continue;
    found.push(formula);
    index++;
  }
  return found;
}

/** Delimiters in order. A code span is one mark, so no formula extends over it. */
function marksOf(source) {
  const ticks = tickRuns(source);
  const marks = [];
  MARK.lastIndex = 0;
  for (let match; (match = MARK.exec(source)); ) {
    const { 0: kind, index: start } = match;
    if (kind[0] === "`") MARK.lastIndex = endOfCode(ticks, kind.length, start);
    if (kind[0] !== "\\" || /[()[\]]/.test(kind[1])) marks.push({ kind, start, end: start + kind.length });
  }
  return marks;
}

/** Length of a run of backticks → where such runs begin, the first one last. */
export function tickRuns(source) {
  const runs = new Map();
  for (const { 0: run, index } of source.matchAll(/`+/g)) {
    if (!runs.has(run.length)) runs.set(run.length, []);
    runs.get(run.length).push(index);
  }
  for (const starts of runs.values()) starts.reverse();
  return runs;
}

/** The end of the code span that begins at `start`, or of its backticks. Called for starts in order: earlier runs are dropped. */
export function endOfCode(runs, length, start) {
  const starts = runs.get(length) ?? [];
  while (starts.length && starts.at(-1) <= start) starts.pop();
  return (starts.at(-1) ?? start) + length;
}

function formulaBetween(source, opening, closing) {
  if (PAIRS[opening.kind] !== closing.kind || closing.start - opening.end > MOST_CHARACTERS) return null;
  const inner = source.slice(opening.end, closing.start);
  if (opening.kind === "$" && !fitsDollars(source, opening.start, closing.start, inner)) return null;
  if (opening.kind[0] === "\\" && IN_PATTERN.test(source.slice(Math.max(0, opening.start - 2), opening.start))) return null;
  const tex = inner.trim();
  if (!looksLikeMath(tex, opening.kind)) return null;
  return { start: opening.start, end: closing.end, tex, isDisplay: opening.kind !== "$" && opening.kind !== "\\(" };
}

/** Pandoc's rules: no space inside the dollar signs, no word character or dollar sign directly outside. */
function fitsDollars(source, start, end, inner) {
  if (/^\s|\s$|\n/.test(inner) && !isSpacedMath(inner)) return false;
  return !/[\w$\\]/.test(source.charAt(start - 1)) && !/[\w$]/.test(source.charAt(end + 1));
}

/** Some models write `$ E = mc^2 $`. */
function isSpacedMath(inner) {
  const words = inner.replace(/\\[a-zA-Z]+/g, "");
  return /^ [^\s\d].* $/.test(inner) && SPACED_MATH.test(inner) && !WORD.test(words);
}

function looksLikeMath(tex, opener) {
  if (!tex) return false;
  if (FOREIGN_LETTER.test(tex) && !TEXT_COMMAND.test(tex)) return false;
  if (opener === "$" && [AMOUNT, AMOUNT_AND_WORDS, AMOUNT_AND_MORE, NO_MATH].some((money) => money.test(tex))) return false;
  if (opener === "\\[" && REFERENCE.test(tex)) return false;
  return OPERATOR.test(tex) || !(WORDS.test(tex) && WORD.test(tex));
}

/**
 * A formula on its own lines at the beginning of `source`: {raw, tex}; tex is "" if the closing delimiter is missing.
 * Lines inside it are not lists, quotes or headings.
 */
export function readFormulaBlock(source) {
  const opening = BLOCK.exec(source)?.[0];
  if (!opening) return undefined;
  const near = source.slice(0, MOST_CHARACTERS);
  const closer = closerOf(opening.trim());
  const end = near.indexOf(closer, opening.length);
  if (end < 0 || BLANK_LINE.test(near.slice(0, end))) return unclosed(near, opening);
  const rest = /^[ \t]*(?:\n|$)/.exec(near.slice(end + closer.length));
  if (!rest) return undefined;
  const isBare = closer[1] !== "e";
  const tex = (isBare ? near.slice(opening.length, end) : near.slice(0, end + closer.length)).trim();
  if (isBare && !looksLikeMath(tex, opening.trim())) return undefined;
  return { raw: near.slice(0, end + closer.length + rest[0].length), tex };
}

function unclosed(near, opening) {
  if (!near.startsWith(`${opening}\n`)) return undefined;
  return { raw: near.slice(0, BLANK_LINE.exec(near)?.index ?? near.length), tex: "" };
}

function closerOf(opening) {
  return PAIRS[opening] ?? opening.replace("begin", "end");
}

/** The offset in a paragraph of a formula on its own lines, or -1. */
export function formulaBlockWithin(paragraph, source) {
  if (!/\$\$|\\[[b]/.test(paragraph)) return -1;
  const lines = [...paragraph.matchAll(BLOCK_LINE)].slice(0, MOST_LINES);
  const { index } = lines.find((line) => readFormulaBlock(source.slice(line.index + 1))) ?? { index: -2 };
  return index + 1;
}
