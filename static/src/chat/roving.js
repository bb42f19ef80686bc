/** A list of links with one tab stop: arrow keys, Home and End move within it. Without JavaScript each link is a tab stop. */

const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

export function startRoving(list) {
  let stop = list.querySelector('[aria-current="page"]');
  const links = () => [...list.querySelectorAll("a[href]")];
  const settle = () => {
    const every = links();
    if (!every.includes(stop)) stop = every[0];
    for (const link of every) link.tabIndex = link === stop ? 0 : -1;
  };
  list.addEventListener("focusin", ({ target }) => {
    stop = target;
    settle();
  });
  list.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const all = links();
    const next = Math.min(Math.max(all.indexOf(event.target) + step, 0), all.length - 1);
    event.preventDefault();
    all[next].focus();
  });
  new MutationObserver(settle).observe(list, { childList: true });
  settle();
}
