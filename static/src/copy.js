/** Buttons that copy something on the page, and buttons that print the page. */

const COPIED_MS = 1_500;

export function startCopying() {
  document.querySelectorAll("[data-copy]").forEach(startCopy);
  document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
}

function startCopy(button) {
  const status = button.parentElement.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    const done = await copyBy(button, document.getElementById(button.dataset.copy));
    status.textContent = done ? "Copied" : "Selected. Press Ctrl+C to copy.";
  });
}

/**
 * Copies `text` and confirms it on the button. The clipboard is missing on plain http: then the element is selected, so that
 * one key copies it. True if it was copied.
 */
export async function copyBy(label, element, text = element.textContent.trim()) {
  const done = await copied(element, text);
  const words = (label.dataset.label ??= label.textContent); // a second click while it says "Copied" must not keep that
  label.textContent = done ? "Copied" : "Press Ctrl+C";
  window.setTimeout(() => (label.textContent = words), COPIED_MS);
  return done;
}

async function copied(element, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    window.getSelection().selectAllChildren(element);
    return false;
  }
}
