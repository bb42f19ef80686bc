/** Fenced code. Unlike in CommonMark, a fence of Markdown or plain text may contain fences: models show Markdown that way. */

const OPENING = /^( {0,3})(`{3,}(?=[^`\n]*(?:\n|$))|~{3,})([^\n]*)(?:\n|$)/;
const HOLDS_FENCES = /^(?:md|mdx|markdown|rmd|qmd|text|txt|plaintext)$/i;
const LINE = /^( *)(`{3,}|~{3,})[ \t]*([^`\n]*)$/;

/** A line that may close a fence, or open a nested one. */
export const FENCE_LINE = /^ *(?:`{3}|~{3})/;

/** The fence at the beginning of `source`, or undefined. `isOpen`: the closing line is missing. */
export function readFence(source) {
  const opening = OPENING.exec(source);
  if (!opening) return undefined;
  const [first, indent, fence, info] = opening;
  const { end, next } = endOf(source, first.length, fence, HOLDS_FENCES.test(info.trim()));
  const body = source.slice(first.length, Math.max(first.length, next < 0 ? source.length : end - 1));
  return {
    raw: next < 0 ? source : source.slice(0, next),
    info: info.trim(),
    text: indent ? body.replace(new RegExp(`^ {1,${indent.length}}`, "gm"), "") : body,
    isOpen: next < 0,
    isIndented: indent !== "",
  };
}

/** The offsets of the closing line and of the text after it, or -1. */
function endOf(source, from, fence, holdsFences) {
  const inner = [];
  for (let at = from; at < source.length; ) {
    const newline = source.indexOf("\n", at);
    const next = newline < 0 ? source.length : newline;
    const line = LINE.exec(source.slice(at, next));
    if (line && line[2][0] === fence[0]) {
      const [, indent, run, info] = line;
      if (info) {
        if (holdsFences) inner.push(run.length);
      } else if (inner.length) {
        if (run.length >= inner.at(-1)) inner.pop();
      } else if (indent.length < 4 && run.length >= fence.length) return { end: at, next };
    }
    at = next + 1;
  }
  return { end: -1, next: -1 };
}
