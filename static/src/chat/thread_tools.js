/** What is done to chats in the list: the menu of a row, and its keys. */
import { act } from "./thread_actions.js";
import { rename } from "./thread_rename.js";
import { menuItem, toggleMenu } from "./popover_menu.js";
import { selectFrom } from "./selecting.js";

export { offerAgain } from "./undo.js";

const CHOICES = {
  pin: (page, row) => act(page, "pin", [row.dataset.threadId]),
  unpin: (page, row) => act(page, "unpin", [row.dataset.threadId]),
  rename,
  select: selectFrom,
  archive: (page, row) => act(page, "archive", [row.dataset.threadId]),
  delete: (page, row) => act(page, "delete", [row.dataset.threadId]),
};
const BY_KEY = { F2: "rename", Delete: "delete" };

export function openMenu(page, opener) {
  const row = opener.closest("li");
  const item = (choice, words, color = "text-heading") => menuItem(choice, color, words);
  const items = [
    "pinned" in row.dataset ? item("unpin", "Unpin") : item("pin", "Pin"),
    item("rename", "Rename"),
    item("select", "Select"),
    item("archive", "Archive"),
    item("delete", "Delete", "text-fg-danger"),
  ];
  const scroller = document.getElementById("thread-scroll");
  toggleMenu(opener, { id: "thread-menu", items, scroller, choose: ({ name }) => CHOICES[name](page, row) });
}

export function press(page, row, key) {
  CHOICES[BY_KEY[key]](page, row);
}

export function select(page) {
  selectFrom(page, null);
}
