/** The cells of a table's row. Unlike in GFM, a `|` in code separates no cells, and cells beyond the last column are kept. */

const CODE = /(?<!`)(`+)(?!`)[^`\n]*?[^`](?:\1)(?!`)/g;
const FORMULA = /\$[^\s$][^$\n]*\$/g;
const HIDDEN = "\u0001";

/** The texts of `columns` cells. */
export function cellsOf(line, columns) {
  const plain = hiding(CODE, line.trim().replaceAll(HIDDEN, " "));
  const cells = split(plain);
  const fitting = cells.length > columns ? split(hiding(FORMULA, plain)) : cells;
  const kept = fitting.slice(0, columns - 1);
  const last = fitting.slice(columns - 1).join(" | ");
  return [...kept, last].concat(Array(columns).fill("")).slice(0, columns).map((cell) => cell.replaceAll(HIDDEN, "|"));
}

function hiding(pattern, line) {
  return line.includes("|") ? line.replace(pattern, (part) => part.replace(/\\?\|/g, HIDDEN)) : line;
}

function split(line) {
  const inner = line.replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
