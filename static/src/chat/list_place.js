/** Where the list of chats is scrolled to, and how far it was loaded: a tab keeps both over page loads. */

const KEY = "chats";

/** `{top, count}`, or nothing. The script before the first paint reads it too, so it does without storage.js. */
export function readPlace() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

/** Nothing if the list is not displayed, or if the browser refuses. */
export function storePlace({ clientHeight, scrollTop: top }, count) {
  try {
    if (clientHeight) sessionStorage.setItem(KEY, JSON.stringify({ top, count }));
  } catch {}
}

/** Scrolls only if the current chat is out of view. */
export function showCurrent(scroller) {
  const row = scroller.querySelector("[aria-current]")?.getBoundingClientRect();
  const box = scroller.getBoundingClientRect();
  if (row && (row.top < box.top || row.bottom > box.bottom)) scroller.scrollTop += row.top - box.top - box.height / 2;
}
