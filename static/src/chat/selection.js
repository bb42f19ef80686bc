/** A copied selection contains the written text: no buttons, language names or hosts, and each formula as its source. */

const OURS = ".code-bar, .link-host, .katex";

export function startCleanCopies(root) {
  root.addEventListener("copy", (event) => {
    const selection = window.getSelection();
    if (selection.isCollapsed || event.target.closest("textarea, input")) return;
    const copied = selection.getRangeAt(0).cloneContents();
    const ours = copied.querySelectorAll(OURS);
    if (!ours.length) return; // the browser's own copy is right
    ours.forEach((node) => node.remove());
    const holder = document.createElement("div");
    holder.append(copied);
    event.clipboardData.setData("text/plain", textOf(selection, root));
    event.clipboardData.setData("text/html", holder.innerHTML);
    event.preventDefault();
  });
}

/** The selected text without what `is-copying` hides. The page is not painted in between. */
function textOf(selection, root) {
  return without(root, () => selection.toString());
}

/** An element's text as it is read out, on one line. */
export function readableText(element, root) {
  return without(root, () => element.innerText.trim().replace(/\s+/g, " "));
}

function without(root, read) {
  root.classList.add("is-copying");
  const text = read();
  root.classList.remove("is-copying");
  return text;
}
