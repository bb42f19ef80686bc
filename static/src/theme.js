/**
 * Light, dark, or as the system has it.
 *
 * An account keeps its choice on the server, a visitor in localStorage; the script in the page's head has already put
 * the right class on <html>. All open tabs follow at once.
 */

const KEY = "theme";
const CHOICES = ["system", "light", "dark"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function startTheme() {
  const buttons = [...document.querySelectorAll("[data-theme-toggle]")];
  buttons.forEach((button) => button.addEventListener("click", () => choose(after(current()), buttons)));
  dark.addEventListener("change", () => show(current(), buttons));
  window.addEventListener("storage", ({ key, newValue }) => key === KEY && show(newValue, buttons));
  show(current(), buttons);
}

function current() {
  const { theme } = document.documentElement.dataset;
  return CHOICES.includes(theme) ? theme : "system";
}

/** The first click always changes what is seen; the way back to the system's choice is the third. */
function after(choice) {
  if (choice === "system") return dark.matches ? "light" : "dark";
  const isBackToStart = (choice === "dark") === dark.matches;
  if (isBackToStart) return "system";
  return choice === "dark" ? "light" : "dark";
}

function choose(choice, buttons) {
  show(choice, buttons);
  remember(choice);
  if (document.documentElement.hasAttribute("data-account")) save(choice);
}

function show(choice, buttons) {
  const theme = CHOICES.includes(choice) ? choice : "system";
  const root = document.documentElement;
  root.dataset.theme = theme;
  root.classList.toggle("dark", theme === "dark" || (theme === "system" && dark.matches));
  for (const button of buttons) button.setAttribute("aria-label", `Theme: ${theme}. Change to ${after(theme)}`);
}

/** Writing it is also what tells the other tabs. */
function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Storage is refused in some private windows: then the choice lasts for this page.
  }
}

/** A choice that could not be saved still holds on this page; it is not worth an error message. */
function save(choice) {
  fetch("/accounts/settings/theme/", {
    method: "POST",
    body: new URLSearchParams({ theme: choice }),
    headers: { Accept: "application/json" },
    keepalive: true,
  }).catch(() => {});
}
