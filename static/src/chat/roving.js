/** A list of links with one tab stop: arrow keys, Home, End and the page keys move within it. Without JavaScript each link is a tab stop. */

const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, PageDown: 1, PageUp: -1 };

/** `scroller` shows a page of the list. */
export function startRoving(list, scroller) {
  let stop = null;
  const links = () => [...list.querySelectorAll("a[href]")];
  const stopAt = (link) => {
    if (stop) stop.tabIndex = -1;
    stop = link;
    if (stop) stop.tabIndex = 0;
  };
  const settle = () => {
    for (const link of list.querySelectorAll("a:not([tabindex])")) link.tabIndex = -1;
    if (!list.contains(stop)) stopAt(list.querySelector('[aria-current="page"]') ?? list.querySelector("a"));
  };
  list.addEventListener("focusin", ({ target }) => target.closest("li") && stopAt(target.closest("li").querySelector("a")));
  list.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.target !== stop || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const all = links();
    const page = event.key.startsWith("Page") ? Math.max(Math.floor(scroller.clientHeight / stop.offsetHeight) - 1, 1) : 1;
    event.preventDefault();
    all[Math.min(Math.max(all.indexOf(stop) + step * page, 0), all.length - 1)].focus();
  });
  new MutationObserver(settle).observe(list, { childList: true, subtree: true });
  settle();
}
