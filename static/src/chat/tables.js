/** A growing table: each finished line is a final row, so only the last row and new rows are rendered. */
import { directionOf } from "./direction.js";

/** The rows of a table that are not on the page yet, as a block; null if the block is not a continuation of `old`. */
export function newRowsOf(old, block) {
  const { token, raw } = block;
  if (token.type !== "table" || !old?.rows || token.rows.length < old.rows) return null;
  if (linesOf(raw, old.rows + 1) !== linesOf(old.raw, old.rows + 1)) return null;
  return { ...block, token: { ...token, rows: token.rows.slice(old.rows - 1) } };
}

/** The first lines of a text. */
function linesOf(raw, count) {
  let end = 0;
  for (let line = 0; line < count; line++) end = raw.indexOf("\n", end) + 1 || raw.length;
  return raw.slice(0, end);
}

export function addRows(frame, fresh) {
  const table = frame.querySelector("table");
  const body = table.tBodies[0];
  while (body.lastChild !== body.lastElementChild) body.lastChild.remove();
  body.lastElementChild.remove();
  body.append(...fresh.querySelector("tbody").childNodes);
  table.dir = directionOf(table);
}
