/** A menu that opens beside the control that was pressed. */
import { element } from "./elements.js";

const GAP_PX = 6;
const EDGE_PX = 16;
const STEPS = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);
export const ITEM = "flex min-h-10 w-full cursor-pointer items-center rounded-base px-3 py-1.5 text-start hover:bg-neutral-tertiary pointer-coarse:min-h-11";

/** `choose({name, value})` is called with what was chosen; when `scroller` is scrolled, the menu closes. */
export function toggleMenu(opener, { id, items, scroller, choose }) {
  const isClosing = "closes" in opener.dataset;
  delete opener.dataset.closes;
  if (isClosing) return;
  const look = "m-0 max-h-[60dvh] min-w-56 max-w-[calc(100vw-2rem)] overflow-y-auto rounded-lg border border-default bg-neutral-primary-medium p-1.5 text-body shadow-lg";
  const menu = element("div", { id, popover: "", role: "menu", class: look }, ...items);
  menu.addEventListener("click", ({ target }) => {
    const item = target.closest("[data-choice]");
    if (!item) return;
    menu.hidePopover();
    choose({ name: item.dataset.choice, value: item.value });
  });
  menu.addEventListener("keydown", (event) => step(menu, event));
  // A press beside the menu closes it, and so does one on the control: its click must not open the menu again.
  opener.onpointerdown = () => menu.matches(":popover-open") && (opener.dataset.closes = "");
  menu.addEventListener("toggle", ({ newState }) => newState === "closed" && end(menu, opener));
  (opener.closest("[popover]") ?? document.body).append(menu); // an open drawer stays open for what is in it
  menu.showPopover();
  place(menu, opener);
  opener.ariaExpanded = "true";
  menu.firstElementChild.focus();
  scroller.addEventListener("scroll", () => menu.isConnected && menu.hidePopover(), { once: true });
}

/** One item; `choice` is its name for `choose`. */
export function menuItem(choice, color, ...words) {
  return element("button", { type: "button", role: "menuitem", "data-choice": choice, class: `${ITEM} ${color}` }, ...words);
}

function end(menu, opener) {
  opener.ariaExpanded = null;
  menu.remove();
}

/** Below the control, or above it where there is no room. */
function place(menu, opener) {
  const { left, top, bottom } = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = bottom + GAP_PX;
  const fits = below + height < window.innerHeight - EDGE_PX;
  menu.style.inset = "auto";
  menu.style.left = `${Math.max(Math.min(left, window.innerWidth - width - EDGE_PX), EDGE_PX)}px`;
  menu.style.top = `${fits ? below : Math.max(top - height - GAP_PX, EDGE_PX)}px`;
}

function step(menu, event) {
  const by = STEPS.get(event.key);
  if (!by) return;
  event.preventDefault();
  const items = [...menu.children];
  items.at((items.indexOf(document.activeElement) + by) % items.length).focus();
}
