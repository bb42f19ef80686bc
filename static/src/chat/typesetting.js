/** Typesets formulas by KaTeX. `formulas.js` loads this module when the first one appears. */
import katex from "katex";

const MOST_KEPT = 300;
const PER_TASK = 2_000; // characters of new formulas: about 50 ms
const OVERHEAD = 40; // of a formula, in characters

// Bounds of what a formula becomes, since 4,000 characters can freeze or crash the tab. One beyond them is shown as its source.
const MOST_COSTLY = 600; // cells and accented characters: each becomes about 17 elements
const COSTLY = /[&@]|\\\\|[^\0-\x7f]/g;
const MOST_DEPTH = 120; // 15 fractions; layout takes twice as long a few levels later, and some hundreds overflow Chromium's stack
const MOST_LEVELS = 250_000; // of all elements together; a derivation of 30 lines has 160,000, and is laid out in 0.1 s

// A macro of 400 characters, used 400 times, took 15 s: `maxExpand` counts uses, not what they become.
const REFUSED = [
  "\\def", "\\edef", "\\gdef", "\\xdef", "\\let", "\\futurelet", "\\global", "\\long", "\\newcommand", "\\renewcommand",
  "\\providecommand", "\\message", "\\errmessage", "\\show",
];
const DELIMITERS = /^(?:\$\$?|\\[([])([\s\S]*?)(?:\$\$?|\\[)\]])$/;
const OPTIONS = { throwOnError: true, trust: refuse, strict: "ignore", maxSize: 20, maxExpand: 1_000 };

const kept = new Map(); // an open block is painted often, and typesetting takes 3 ms per formula

export function loadStyles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("../math.css", import.meta.url).href;
  return new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", (event) => {
      link.remove();
      reject(event);
    });
    document.head.append(link);
  });
}

/** Typesets some of these sources, the last ones first, in the time of a task. Returns whether there are more. */
export function typesetSome(codes) {
  let left = PER_TASK;
  while (codes.length && left > 0) {
    const code = codes.pop();
    if (!kept.has(keyOf(code))) left -= code.textContent.length + OVERHEAD;
    code.replaceWith(formulaOf(code));
  }
  return codes.length > 0;
}

function formulaOf(code) {
  const key = keyOf(code);
  if (!kept.has(key)) {
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value);
    kept.set(key, rendered(code.textContent, code.className));
  }
  return kept.get(key).cloneNode(true);
}

function keyOf(code) {
  return `${code.className} ${code.textContent}`;
}

/** KaTeX by itself would show the name of a command like `\href`, without the text in it. */
function refuse({ command }) {
  throw new Error(`${command} is not allowed`);
}

/** The invisible source is the text that a selection copies. */
function rendered(source, className) {
  const formula = document.createElement("span");
  formula.className = className;
  formula.dir = "ltr";
  try {
    build(DELIMITERS.exec(source)?.[1] ?? source, formula, className === "math-display");
  } catch {
    return refused(source, className);
  }
  const text = document.createElement("span");
  text.className = "math-source";
  text.setAttribute("aria-hidden", "true");
  text.textContent = source;
  formula.append(text);
  return formula;
}

function build(tex, formula, displayMode) {
  if ((tex.match(COSTLY) ?? []).length > MOST_COSTLY) throw new RangeError("The formula has too many cells");
  const macros = Object.fromEntries(REFUSED.map((command) => [command, () => refuse({ command })])); // KaTeX writes to it
  const tree = katex.__renderToDomTree(tex, { ...OPTIONS, displayMode, macros });
  if (isTooLarge(tree)) throw new RangeError("The formula is too large");
  formula.append(tree.toNode());
}

/** Asked before there are nodes: theirs is the time that grows with the square of the depth. */
function isTooLarge(tree) {
  let [level, levels] = [[tree], 0];
  for (let depth = 0; level.length; depth++) {
    levels += depth * level.length;
    if (depth > MOST_DEPTH || levels > MOST_LEVELS) return true;
    level = level.flatMap(({ children = [] }) => children);
  }
  return false;
}

function refused(source, className) {
  const code = document.createElement("code");
  code.className = `refused-${className}`;
  code.dir = "ltr";
  code.textContent = source;
  return code;
}
