/** HTML that begins a block: models show it as an example, so it is displayed as its source. */

// The search for the end of a comment is bounded; without a bound, 20,000 openings would take seconds.
const LONGEST_TAG = 2_000;
const CODE_ELEMENT = /^ {0,3}<(script|pre|style|textarea)\b[^>\n]*>[ \t]*\n/i;
const CLOSED_BY = [[/^ {0,3}<!--/, "-->"], [/^ {0,3}<\?/, "?>"], [/^ {0,3}<!\[CDATA\[/, "]]>"], [/^ {0,3}<!/, ">"]];
const VALUE = String.raw`"[^"\n]*"|'[^'\n]*'|\{[^{}\n]*\}|\{\{[^{}\n]*\}\}`;
const LONE_TAG = new RegExp(
  String.raw`^ {0,3}<(?!\/?(?:br|sub|sup|kbd)\b)\/?[a-z][\w.:-]*(?:\s(?:[^<>\n"'{]|${VALUE})*)?\/?>[ \t]*(?:\n|$)`, "i",
);
const BEGUN_TAG = /^ {0,3}<[a-z][\w.:-]*(?:[ \t][^<>\n]*)?\n/i;
const SENTENCE = /^ {0,3}<\/?[a-z][a-z0-9-]*(?:[ \t][^<>\n]*)?>[ \t]+(?=[^\s<])[^\n]*[^\s>][ \t]*(?:\n|$)/i;
const BLANK_LINE = /\n[ \t]*(?=\n)/;

/** The length of the HTML at the beginning of `source`; `begins` recognizes CommonMark's HTML blocks. */
export function lengthOfHtml(source, begins) {
  const near = source.slice(0, LONGEST_TAG);
  if (!/^ {0,3}</.test(near)) return 0;
  const isTag = LONE_TAG.test(near) || endsLater(near);
  if (!isTag && (!begins.test(source) || SENTENCE.test(near))) return 0;
  return endOfHtml(source);
}

/** Does a tag extend over several lines? */
function endsLater(near) {
  if (!BEGUN_TAG.test(near)) return false;
  const block = near.slice(0, BLANK_LINE.exec(near)?.index);
  const end = block.indexOf(">");
  return end > 0 && block.lastIndexOf("<", end) <= 3 && /^[ \t]*(?:\n|$)/.test(block.slice(end + 1));
}

function endOfHtml(source) {
  const code = CODE_ELEMENT.exec(source);
  if (code) return lineEnd(source, source.search(new RegExp(`</${code[1]}>`, "i")));
  const closer = CLOSED_BY.find(([opening]) => opening.test(source))?.[1];
  return endOfLines(source, closer);
}

/** The end of the line with `closer`, or of the one before a blank line. Line by line: an answer may have thousands of blocks. */
function endOfLines(source, closer) {
  for (let at = 0, end; at < source.length; at = end + 1) {
    end = lineEnd(source, at);
    const line = source.slice(at, end);
    if (at && end < source.length && /^[ \t]*$/.test(line)) return at - 1;
    if (closer && line.includes(closer)) return end;
  }
  return source.length;
}

function lineEnd(source, from) {
  const newline = from < 0 ? -1 : source.indexOf("\n", from);
  return newline < 0 ? source.length : newline;
}
