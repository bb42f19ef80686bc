/** Copies to the clipboard, and says so. */

const COPIED_MS = 1_500;
const SELECTED_MS = 5_000;

/**
 * Copies `text` and confirms it on the label. Where the browser refuses, the element is selected, so that one key copies
 * it. True if it was copied.
 */
export async function copyBy(label, element, text = element.textContent.trim()) {
  const done = (await toClipboard(text)) || byCommand(element, text);
  const words = (label.dataset.label ??= label.textContent); // a second click while it says "Copied" must not keep that
  label.textContent = done ? "Copied" : selected().label;
  window.clearTimeout(restoring.get(label)); // a second click is confirmed for as long as the first
  restoring.set(label, window.setTimeout(() => (label.textContent = words), done ? COPIED_MS : SELECTED_MS));
  return done;
}

const restoring = new WeakMap();

/** What to do with a selected text: the words for the button, and a sentence. */
export function selected() {
  if (window.matchMedia("(any-pointer: fine)").matches) {
    const key = /Mac|iPad/.test(navigator.platform) ? "⌘C" : "Ctrl+C";
    return { label: `Press ${key}`, sentence: `Selected. Press ${key} to copy.` };
  }
  return { label: "Selected", sentence: "Selected. Copy it from the selection's menu." };
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** The old way, for plain http, where there is no `navigator.clipboard`. Leaves the element selected if it fails. */
function byCommand(element, text) {
  const give = (event) => {
    event.stopImmediatePropagation();
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
  };
  const selection = window.getSelection();
  selection.selectAllChildren(element); // Safari copies nothing without a selection
  window.addEventListener("copy", give, true);
  const done = document.execCommand("copy");
  window.removeEventListener("copy", give, true);
  if (done) selection.removeAllRanges();
  return done;
}
