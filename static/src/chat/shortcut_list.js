/** The list of keyboard shortcuts, made of the table that binds them, and of the keys of the list of chats. */
import { element } from "./elements.js";

const NAMES = { Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑", ArrowRight: "→" };

// Keys of the list of chats, when the focus is in it; roving.js, list_tools.js and undo.js bind them.
const IN_LIST = [
  { key: "ArrowDown", words: "Next chat" },
  { key: "ArrowUp", words: "Previous chat" },
  { key: "ArrowRight", words: "Menu of the chat" },
  { key: "F2", words: "Rename the chat" },
  { key: "Delete", words: "Delete the chat" },
  { key: "Z", command: true, words: "Undo what was just archived or deleted" },
];

/** Once: then the rows are there. */
export function fill(dialog, shortcuts, isMac) {
  const template = dialog.querySelector("template");
  if (template.previousElementSibling) return;
  const list = template.parentElement;
  const others = list.cloneNode(false);
  const caption = element("h3", { class: "mt-4 mb-2 font-semibold text-heading" }, "In the list of chats");
  template.before(...shortcuts.map((shortcut) => rowOf(template, shortcut, isMac)));
  others.append(...IN_LIST.map((shortcut) => rowOf(template, shortcut, isMac)));
  list.after(caption, others);
}

function rowOf(template, shortcut, isMac) {
  const row = template.content.firstElementChild.cloneNode(true);
  const key = row.querySelector("kbd");
  row.querySelector("dt").textContent = shortcut.words;
  key.replaceWith(...keysOf(shortcut, isMac).map((name) => Object.assign(key.cloneNode(), { textContent: name })));
  return row;
}

/** The keys of a shortcut, as they are written on the keyboard. */
export function keysOf({ key, command, alt, shift }, isMac) {
  const modifiers = [command && (isMac ? "⌘" : "Ctrl"), alt && (isMac ? "⌥" : "Alt"), shift && (isMac ? "⇧" : "Shift")];
  return [...modifiers, NAMES[key] ?? key].filter(Boolean);
}
