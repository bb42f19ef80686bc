/** The direction of text. `dir="auto"` gives each block its own, by its first strong character. */

const STRONG = /\p{L}/u;
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const BLOCKS = "p, h1, h2, h3, h4, h5, h6, th, td";
const CONTAINERS = "ul, ol, blockquote, table";

/** `auto` skips descendants with a `dir` of their own, so the direction of containers is computed here. */
export function giveDirections(fragment) {
  fragment.querySelectorAll("pre, code").forEach((code) => (code.dir = "ltr"));
  fragment.querySelectorAll(CONTAINERS).forEach((container) => (container.dir = directionOf(container)));
  fragment.querySelectorAll(BLOCKS).forEach((block) => (block.dir = "auto"));
}

/** The direction of the first strong character outside code. */
export function directionOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, besidesCode);
  while (walker.nextNode()) {
    const strong = STRONG.exec(walker.currentNode.data ?? "")?.[0];
    if (strong) return RTL.test(strong) ? "rtl" : "ltr";
  }
  return "ltr";
}

function besidesCode({ nodeName, nodeType }) {
  if (nodeName === "CODE" || nodeName === "PRE") return NodeFilter.FILTER_REJECT;
  return nodeType === Node.TEXT_NODE ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP;
}
