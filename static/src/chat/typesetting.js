/** Typesets formulas by KaTeX. `formulas.js` loads this module when the first one appears. */
import katex from "katex";

const MOST_KEPT = 300;
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

export function formulaOf(code) {
  const key = `${code.className} ${code.textContent}`;
  if (!kept.has(key)) {
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value);
    kept.set(key, rendered(code.textContent, code.className));
  }
  return kept.get(key).cloneNode(true);
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
    katex.render(DELIMITERS.exec(source)?.[1] ?? source, formula, { ...OPTIONS, displayMode: className === "math-display" });
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

function refused(source, className) {
  const code = document.createElement("code");
  code.className = `refused-${className}`;
  code.dir = "ltr";
  code.textContent = source;
  return code;
}
