/** A copied selection contains the written text: no buttons, language names, hosts or styles, and each formula as its source. */

const OURS = ".code-bar, .link-host, .katex, .katex-display, .message-actions, .message-thinking, .message-pending, .message-held, [hidden]";
// Without it, copied rows, items and lines are not pasted as a table, a list or code.
const STRUCTURE = "tr, thead, tbody, table, ul, ol, code, pre";

export function startCleanCopies(root) {
  document.addEventListener("copy", (event) => {
    const selection = window.getSelection();
    if (selection.isCollapsed || !selection.containsNode(root, true) || event.target.closest?.("textarea, input")) return;
    const range = within(root, selection.getRangeAt(0));
    event.clipboardData.setData("text/plain", textOf(selection, range, root).trimEnd());
    event.clipboardData.setData("text/html", htmlOf(range));
    event.preventDefault();
  });
}

/** Only the conversation is copied, even if the whole page is selected. */
function within(root, selected) {
  const range = selected.cloneRange();
  if (!root.contains(range.startContainer)) range.setStart(root, 0);
  if (!root.contains(range.endContainer)) range.setEnd(root, root.childNodes.length);
  const [first, last] = [formulaAround(range.startContainer), formulaAround(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  return range;
}

/** A part of a formula has no source. */
function formulaAround(node) {
  return (node.closest ? node : node.parentElement).closest(".math-inline, .math-display");
}

function textOf(selection, range, root) {
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  selection.removeAllRanges();
  selection.addRange(range);
  const text = without(root, () => selection.toString());
  selection.setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  return text;
}

function htmlOf(range) {
  const holder = document.createElement("div");
  holder.append(range.cloneContents());
  const { commonAncestorContainer: common } = range;
  let ancestor = common.nodeType === Node.ELEMENT_NODE ? common : common.parentElement;
  for (; ancestor.matches(STRUCTURE); ancestor = ancestor.parentElement) {
    const wrapper = ancestor.cloneNode();
    wrapper.append(...holder.childNodes);
    holder.append(wrapper);
  }
  holder.querySelectorAll(OURS).forEach((node) => node.remove());
  return holder.innerHTML;
}

/** An element's text as it is read out, on one line. */
export function readableText(element) {
  return without(element, () => element.innerText.trim().replace(/\s+/g, " "));
}

/** The page is not painted in between. */
function without(root, read) {
  const ours = [...root.querySelectorAll(OURS)];
  ours.forEach(({ style }) => style.setProperty("display", "none", "important"));
  const text = read();
  ours.forEach((node) => {
    node.style.removeProperty("display");
    if (!node.getAttribute("style")) node.removeAttribute("style");
  });
  return text;
}
