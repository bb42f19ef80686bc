/** A text in the middle of a plain line, such as a chat's title in the tab's. The server has the same in chat/text.py. */

const CLOSE = "\u2069";
// Right-to-left characters, and those that change a text's direction.
const DIRECTED =
  /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** The text keeps its direction, and the line keeps its own. */
export function isolated(text) {
  return DIRECTED.test(text) ? `\u2068${contained(text)}${CLOSE}` : text;
}

/** The text with its direction marks in pairs: a single one would reorder what stands beside the text. */
function contained(text) {
  let depth = 0;
  const kept = text.replace(/[\u2066-\u2069]/g, (mark) => {
    if (mark === CLOSE && !depth) return "";
    depth += mark === CLOSE ? -1 : 1;
    return mark;
  });
  return kept + CLOSE.repeat(depth);
}
