/** Buttons that copy something on the page, and buttons that print the page. */

import { copyBy, selected } from "./copy.js";

export function startCopying() {
  document.querySelectorAll("[data-copy]").forEach(startCopy);
  document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => window.print()));
}

function startCopy(button) {
  const status = button.parentElement.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    const done = await copyBy(button, document.getElementById(button.dataset.copy));
    status.textContent = done ? "Copied" : selected().sentence;
  });
}
