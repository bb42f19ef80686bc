/** The direction of text. Each block has its own, by its first letter: that is what `dir="auto"` means. */

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const BLOCKS = "p, h1, h2, h3, h4, h5, h6, th, td";
const CONTAINERS = "ul, ol, blockquote, table";

/** `auto` skips descendants that have a direction, so containers of blocks get theirs by name. */
export function giveDirections(fragment) {
  fragment.querySelectorAll("pre, code").forEach((code) => (code.dir = "ltr"));
  fragment.querySelectorAll(CONTAINERS).forEach((container) => (container.dir = directionOf(container)));
  fragment.querySelectorAll(BLOCKS).forEach((block) => (block.dir = "auto"));
}

/** By the first letter that is not in code. */
export function directionOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, besidesCode);
  while (walker.nextNode()) {
    const letter = LETTER.exec(walker.currentNode.data ?? "")?.[0];
    if (letter) return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
  }
  return "ltr";
}

function besidesCode({ nodeName, nodeType }) {
  if (nodeName === "CODE" || nodeName === "PRE") return NodeFilter.FILTER_REJECT;
  return nodeType === Node.TEXT_NODE ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP;
}
