/** Forms: showing a password, and no second submit by a double click. */

export function startForms() {
  document.querySelectorAll("[data-password-toggle]").forEach(startPasswordToggle);
  document.querySelectorAll("form[data-once]").forEach(sendOnce);
}

function startPasswordToggle(button) {
  const field = document.getElementById(button.dataset.passwordToggle);
  button.hidden = false;
  button.addEventListener("click", () => show(field, button, field.type === "password"));
  // A browser may offer to remember a password in the clear if it is submitted as text.
  field.form.addEventListener("submit", () => show(field, button, false));
}

function show(field, button, isShown) {
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
}

function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("aria-busy")) event.preventDefault();
    form.setAttribute("aria-busy", "true");
  });
  // Back from the next page, or from the browser's cache: the form may be sent again.
  window.addEventListener("pageshow", () => form.removeAttribute("aria-busy"));
}
