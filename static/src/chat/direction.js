/** The direction of text. Each block has its own, by its first letter: that is what `dir="auto"` means. */

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const BLOCKS = "p, h1, h2, h3, h4, h5, h6, th, td";
const CONTAINERS = "ul, ol, blockquote, table";

/** `auto` skips descendants that have a direction, so containers of blocks get theirs in words. */
export function giveDirections(fragment) {
  fragment.querySelectorAll("pre, code").forEach((code) => (code.dir = "ltr"));
  fragment.querySelectorAll(CONTAINERS).forEach((container) => (container.dir = directionOf(container)));
  fragment.querySelectorAll(BLOCKS).forEach((block) => (block.dir = "auto"));
}

function directionOf(container) {
  const walker = document.createTreeWalker(container, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    const letter = LETTER.exec(data)?.[0];
    if (letter && !parentElement.closest("code")) return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
  }
  return "ltr";
}
