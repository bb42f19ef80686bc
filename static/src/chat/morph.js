/**
 * Makes a tree look like another one by changing only what differs.
 *
 * A block that grows is rendered at each repaint; this keeps the reader's selection, and how far a code block was
 * scrolled, in everything that did not change.
 */

/** Changes the element into `fresh`, if both are of one kind. */
export function morphElement(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return false;
  copyAttributes(old, fresh);
  morphChildren(old, fresh);
  return true;
}

export function morphChildren(target, source) {
  const fresh = [...source.childNodes];
  fresh.forEach((node, index) => morphAt(target, target.childNodes[index], node));
  while (target.childNodes.length > fresh.length) target.lastChild.remove();
}

function morphAt(parent, old, fresh) {
  if (!old) return parent.append(fresh);
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) return writeText(old, fresh.data);
  copyAttributes(old, fresh);
  morphChildren(old, fresh);
}

/** Growing text is appended to, not replaced, so a selection inside it stays. */
function writeText(node, text) {
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

function copyAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}
