/** Buttons that copy something on the page, and buttons that print the page. */

/** Given the functions, since a module that this one shared with the chat would become a file of its own. */
export function startCopying({ copyBy, selected }) {
  document.querySelectorAll("[data-copy]").forEach((button) => startCopy(button, copyBy, selected));
  document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
}

function startCopy(button, copyBy, selected) {
  const status = button.parentElement.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    const done = await copyBy(button, document.getElementById(button.dataset.copy));
    status.textContent = done ? "Copied" : selected().sentence;
  });
}
