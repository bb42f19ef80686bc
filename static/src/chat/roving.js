/** A list of links with one tab stop: arrow keys, Home, End and the page keys move within it. Without JavaScript each link is a tab stop. */

const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, PageDown: 1, PageUp: -1 };

/** `scroller` shows a page of the list. A control with `data-stop` takes the place of its row's link. */
export function startRoving(list, scroller) {
  let stop = null;
  let home = null; // its row
  let rows = [];
  const stopAt = (row) => {
    const control = row?.querySelector("[data-stop]") ?? row?.querySelector("a") ?? null;
    if (stop && stop !== control) stop.tabIndex = -1;
    if (control) control.tabIndex = 0;
    [stop, home] = [control, row];
  };
  const settle = () => {
    for (const link of list.querySelectorAll("a:not([tabindex])")) link.tabIndex = -1;
    const first = () => list.querySelector('[aria-current="page"]')?.closest("li") ?? list.querySelector("li");
    stopAt(list.contains(home) ? home : (nearest(rows, rows.indexOf(home)) ?? first()));
    rows = [...list.querySelectorAll("li")];
  };
  list.addEventListener("focusin", ({ target }) => target.closest("li") && stopAt(target.closest("li")));
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const next = BESIDE[event.key]?.(home, event.target) ?? (event.target === stop && along(list, home, event.key, scroller));
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  new MutationObserver(settle).observe(list, { childList: true, subtree: true });
  settle();
}

/** Of the rows that are left, the next one below a place, or else above it. */
function nearest(rows, at) {
  const isThere = (row) => row.isConnected;
  return rows.slice(at).find(isThere) ?? rows.slice(0, at).findLast(isThere);
}

/** What is beside the link of a row. */
const BESIDE = {
  ArrowRight: (row, from) => from.matches("a") && row.querySelector("button"),
  ArrowLeft: (row, from) => from.matches("button") && row.querySelector("a"),
};

function along(list, row, key, scroller) {
  const step = STEPS[key];
  if (!step) return null;
  const rows = [...list.querySelectorAll("li")];
  const page = key.startsWith("Page") ? Math.max(Math.floor(scroller.clientHeight / row.offsetHeight) - 1, 1) : 1;
  const next = rows[Math.min(Math.max(rows.indexOf(row) + step * page, 0), rows.length - 1)];
  return next.querySelector("[data-stop]") ?? next.querySelector("a");
}
