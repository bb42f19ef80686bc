/** Leaving a page with text in it. */

/** The login page, which leads back. */
export function goToLogin(next) {
  window.location.assign(`/accounts/login/?next=${encodeURIComponent(next)}`);
}

/** The browser asks before it leaves the page, if the page has the only copy of a text. */
export function keepFromLeaving(wouldLose) {
  window.addEventListener("beforeunload", (event) => wouldLose() && event.preventDefault());
}
