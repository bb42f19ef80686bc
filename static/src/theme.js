/**
 * The theme: light, dark, or the system's.
 *
 * An account's choice is kept on the server, a visitor's in localStorage; the script in the page's head has already put
 * the right class on <html>. All open tabs follow at once: this browser's through localStorage, other browsers' through
 * their sockets.
 */

const KEY = "theme";
const CHOICES = ["system", "light", "dark"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paper = window.matchMedia("print");
const toggles = document.querySelectorAll("[data-theme-toggle]");
const radios = document.querySelectorAll("[data-theme-choice]");
let saving = 0;

export function startTheme() {
  toggles.forEach((button) => button.addEventListener("click", () => choose(after(current()))));
  radios.forEach((radio) => radio.addEventListener("change", () => choose(radio.value)));
  dark.addEventListener("change", () => show(current()));
  // Paper has no dark theme.
  paper.addEventListener("change", () => show(current()));
  window.addEventListener("beforeprint", () => document.documentElement.classList.remove("dark"));
  window.addEventListener("afterprint", () => show(current()));
  window.addEventListener("storage", ({ key, newValue }) => key === KEY && show(newValue));
  show(current());
}

/** Another tab of this account chose a theme. A choice of this tab that is still being saved is newer. */
export function followTheme(choice) {
  if (saving || choice === current()) return;
  show(choice);
  remember(choice);
}

function current() {
  const { theme } = document.documentElement.dataset;
  return CHOICES.includes(theme) ? theme : "system";
}

/** The first click always changes what is seen; the third leads back to the system's theme. */
function after(choice) {
  if (choice === "system") return dark.matches ? "light" : "dark";
  const isBackToStart = (choice === "dark") === dark.matches;
  if (isBackToStart) return "system";
  return choice === "dark" ? "light" : "dark";
}

function choose(choice) {
  show(choice);
  remember(choice);
  if (document.documentElement.hasAttribute("data-account")) save(choice);
}

function show(choice) {
  const theme = CHOICES.includes(choice) ? choice : "system";
  const root = document.documentElement;
  root.dataset.theme = theme;
  root.classList.toggle("dark", (theme === "dark" || (theme === "system" && dark.matches)) && !paper.matches);
  for (const button of toggles) button.setAttribute("aria-label", `Theme: ${theme}. Change to ${after(theme)}`);
  for (const radio of radios) radio.checked = radio.value === theme;
}

/** Writing to localStorage also notifies the other tabs. */
function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Some private windows refuse storage: then the choice lasts for this page.
  }
}

/** A choice that could not be saved still applies on this page; it is not worth an error message. */
async function save(choice) {
  saving += 1;
  try {
    await fetch("/accounts/settings/theme/", {
      method: "POST",
      body: new URLSearchParams({ theme: choice }),
      headers: { Accept: "application/json" },
      keepalive: true,
    });
  } catch {
    // The next choice is saved when there is a connection.
  } finally {
    saving -= 1;
  }
}
