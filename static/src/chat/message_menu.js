/** The menu of a message: one popover, which opens beside the link that was pressed. */
import { element } from "./elements.js";

const GAP_PX = 6;
const EDGE_PX = 16;
const STEPS = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);
const ITEM = "flex min-h-10 w-full cursor-pointer items-center rounded-base px-3 py-1.5 text-start hover:bg-neutral-tertiary pointer-coarse:min-h-11";

/** `choose({name, value})` is called with what was chosen: `again` and a model, `branch`, or `delete`. */
export function toggleMenu(opener, message, choose) {
  const isClosing = "closes" in opener.dataset;
  delete opener.dataset.closes;
  if (isClosing) return;
  const menu = element(
    "div",
    { id: "message-menu", popover: "", role: "menu", class: "m-0 max-h-[60dvh] min-w-56 max-w-[calc(100vw-2rem)] overflow-y-auto rounded-lg border border-default bg-neutral-primary-medium p-1.5 text-body shadow-lg" },
    ...itemsFor(message),
  );
  menu.addEventListener("click", ({ target }) => {
    const item = target.closest("[data-choice]");
    if (!item) return;
    menu.hidePopover();
    choose({ name: item.dataset.choice, value: item.value });
  });
  menu.addEventListener("keydown", (event) => step(menu, event));
  // A press beside the menu closes it, and so does one on the link: its click must not open the menu again.
  opener.onpointerdown = () => menu.matches(":popover-open") && (opener.dataset.closes = "");
  menu.addEventListener("toggle", ({ newState }) => newState === "closed" && end(menu, opener));
  document.body.append(menu);
  menu.showPopover();
  place(menu, opener);
  opener.ariaExpanded = "true";
  menu.firstElementChild.focus();
  document.getElementById("chat-scroll").addEventListener("scroll", () => menu.isConnected && menu.hidePopover(), { once: true });
}

function end(menu, opener) {
  opener.ariaExpanded = null;
  menu.remove();
}

/** Only answers can be tried again, by any model if there are several, and branched from. */
function itemsFor({ id, role }) {
  const item = (choice, color, ...words) => element("button", { type: "button", role: "menuitem", "data-choice": choice, class: `${ITEM} ${color}` }, ...words);
  const last = item("delete", "text-fg-danger", "Delete");
  if (role !== "assistant") return [last];
  const models = [...(document.getElementById("model")?.options ?? [])];
  const tries = models.map((option) => {
    const name = option.querySelector(".model-label")?.textContent ?? option.text;
    const made = item("again", "text-heading", "Try again with\u00a0", element("bdi", {}, name));
    made.value = option.value;
    return made;
  });
  const thread = document.getElementById("chat").dataset.threadId;
  const details = element("a", { role: "menuitem", href: `/chat/${thread}/messages/${id}/details/`, class: `${ITEM} text-heading` }, "Details");
  return [...tries, item("branch", "text-heading", "Branch into a new chat"), details, last];
}

/** Below the link, or above it where there is no room. */
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
