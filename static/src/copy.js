/** Buttons that copy what stands somewhere on the page, and that print it. */

const COPIED_MS = 1_500;

export function startCopying() {
  document.querySelectorAll("[data-copy]").forEach(startCopy);
  document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
}

function startCopy(button) {
  const words = button.textContent;
  const said = button.parentElement.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    const done = await copied(document.getElementById(button.dataset.copy));
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said.textContent = done ? "Copied" : "Selected. Press Ctrl+C to copy.";
    window.setTimeout(() => (button.textContent = words), COPIED_MS);
  });
}

/** The clipboard is missing on plain http: then the text is selected, one key away. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent.trim());
    return true;
  } catch {
    window.getSelection().selectAllChildren(element);
    return false;
  }
}
