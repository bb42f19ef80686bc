/** The menu of a message. */
import { element } from "./elements.js";
import { ITEM, menuItem, toggleMenu } from "./popover_menu.js";

/** `choose({name, value})` is called with what was chosen: `again` and a model, `branch`, or `delete`. */
export function toggleMessageMenu(opener, message, choose) {
  toggleMenu(opener, { id: "message-menu", items: itemsFor(message), scroller: document.getElementById("chat-scroll"), choose });
}

/** Only answers can be tried again, by any model if there are several, and branched from. */
function itemsFor({ id, role }) {
  const last = menuItem("delete", "text-fg-danger", "Delete");
  if (role !== "assistant") return [last];
  const models = [...(document.getElementById("model")?.options ?? [])];
  const tries = models.map((option) => {
    const name = option.querySelector(".model-label")?.textContent ?? option.text;
    const made = menuItem("again", "text-heading", "Try again with\u00a0", element("bdi", {}, name));
    made.value = option.value;
    return made;
  });
  const thread = document.getElementById("chat").dataset.threadId;
  const details = element("a", { role: "menuitem", href: `/chat/${thread}/messages/${id}/details/`, class: `${ITEM} text-heading` }, "Details");
  return [...tries, menuItem("branch", "text-heading", "Branch into a new chat"), details, last];
}
