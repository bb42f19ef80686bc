/** Copying a selection of answers copies what was written: no buttons, language names and hosts, and formulas once. */

const OURS = ".code-bar, .link-host, .katex";

export function startCleanCopies(root) {
  root.addEventListener("copy", (event) => {
    const selection = window.getSelection();
    if (selection.isCollapsed || event.target.closest("textarea, input")) return;
    const copied = selection.getRangeAt(0).cloneContents();
    const ours = copied.querySelectorAll(OURS);
    if (!ours.length) return; // the browser does it right
    ours.forEach((node) => node.remove());
    const holder = document.createElement("div");
    holder.append(copied);
    event.clipboardData.setData("text/plain", textOf(selection, root));
    event.clipboardData.setData("text/html", holder.innerHTML);
    event.preventDefault();
  });
}

/** What is not displayed has no text. Nothing is painted meanwhile. */
function textOf(selection, root) {
  root.classList.add("is-copying");
  const text = selection.toString();
  root.classList.remove("is-copying");
  return text;
}
