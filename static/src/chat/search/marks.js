/** Words that were found: as <mark> in a result, and as a highlight in the message itself, whose elements stay as they are. */
import { element } from "../elements.js";

const MOST_RANGES = 200;
const MOST_WORDS = 20;
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** The pieces of a text; `marks` are pairs of a start and an end, in order. */
export function marked(text, marks) {
  const pieces = [];
  let at = 0;
  for (const [start, end] of marks) {
    if (start < at || end <= start) continue;
    pieces.push(text.slice(at, start), element("mark", {}, text.slice(start, end)));
    at = end;
  }
  return [...pieces, text.slice(at)].filter(Boolean);
}

/** Whether a title has all that is typed: then the chat is meant, and not one of its messages. */
export function isTitled(query, marks) {
  const typed = query.trim().split(/\s+/).filter((word) => !word.startsWith("-"));
  return marks.length >= typed.length;
}

/** The words that are marked in a text, each once. */
export function wordsOf(text, marks) {
  return [...new Set(marks.map(([start, end]) => text.slice(start, end)))].slice(0, MOST_WORDS);
}

/** Finds these words at the beginnings of words; in scripts that are written without spaces, anywhere. Null without words. */
export function patternOf(words) {
  const all = words.filter((word) => word.trim()).toSorted((one, other) => other.length - one.length);
  if (!all.length) return null;
  return new RegExp(all.map((word) => (UNSPACED.test(word[0]) ? "" : "(?<![\\p{L}\\p{N}])") + literal(word)).join("|"), "giu");
}

function literal(word) {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+");
}

/** Shows the words in an element, and nowhere else. Browsers without the API show the message alone. */
export function highlight(root, words) {
  if (!CSS.highlights) return;
  CSS.highlights.delete("search");
  const pattern = patternOf(words);
  if (pattern) CSS.highlights.set("search", new Highlight(...rangesIn(root, pattern)));
}

function rangesIn(root, pattern) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const ranges = [];
  while (texts.nextNode() && ranges.length < MOST_RANGES) {
    const node = texts.currentNode;
    for (const { 0: word, index } of node.data.matchAll(pattern)) ranges.push(rangeOf(node, index, index + word.length));
  }
  return ranges.slice(0, MOST_RANGES);
}

function rangeOf(node, start, end) {
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, end);
  return range;
}
