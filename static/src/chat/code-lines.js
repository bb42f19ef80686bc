/** Code on the page, in chunks of lines: appended text lays out only the last chunk instead of 200 kB. */

const LINES = 60;

/** Complete code goes through it too, so streamed code ends in the same nodes. */
export function appendLines(code, text) {
  for (let at = 0; at < text.length; ) {
    const chunk = openChunk(code);
    const end = endOfLines(text, at, LINES - linesOf(chunk));
    const part = text.slice(at, end);
    if (chunk.firstChild) chunk.firstChild.appendData(part);
    else chunk.append(part);
    at = end;
  }
}

function openChunk(code) {
  const last = code.lastElementChild;
  if (last && linesOf(last) < LINES) return last;
  const chunk = document.createElement("span");
  chunk.className = "code-lines";
  return code.appendChild(chunk);
}

function linesOf(chunk) {
  return chunk.textContent.split("\n").length - 1;
}

/** The offset after `count` line ends, or the end of the text. */
function endOfLines(text, from, count) {
  let at = from;
  for (let line = 0; line < count; line++) {
    const newline = text.indexOf("\n", at);
    if (newline < 0) return text.length;
    at = newline + 1;
  }
  return at;
}
