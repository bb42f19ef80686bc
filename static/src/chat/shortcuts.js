/** Keyboard shortcuts: one table binds them, fills their list and gives the search dialog its hints. Each needs a modifier: speech input presses plain keys. */

// `command` is Ctrl, on a Mac ⌘: there, Ctrl edits text. Where `shift` is missing it may be held: "/" needs it on many keyboards.
// `code` is the key's position, for a key that gives another sign with Shift.
const SHORTCUTS = [
  { key: "K", command: true, shift: false, does: "search", words: "Search" },
  { key: "O", command: true, shift: true, does: "newChat", words: "New chat" },
  { key: "S", command: true, shift: true, does: "toChats", words: "Go to the list of chats, and back" },
  { key: "Escape", shift: true, does: "focusField", words: "Go to the message field" },
  { key: "ArrowDown", alt: true, shift: true, does: "toAnswer", words: "Go to the newest answer" },
  { key: "ArrowUp", alt: true, shift: true, does: "toPrevious", words: "Go to the previous message" },
  { key: "C", command: true, shift: true, does: "copyAnswer", words: "Copy the last answer" },
  { key: ";", code: "Semicolon", command: true, shift: true, does: "copyCode", words: "Copy the last code" },
  { key: "Escape", shift: false, does: "stop", words: "Stop the answer" },
  { key: "/", command: true, does: "list", words: "Show this list" },
];

const IS_MAC = /mac|iphone|ipad/i.test(navigator.platform);

/** `actions`: what the page can do, by `does`; false if there is nothing to do. */
export function startShortcuts(actions) {
  const dialog = document.getElementById("shortcuts");
  const all = { ...actions, search, list: () => void open(dialog), newChat: () => document.getElementById("new-chat").click() };
  document.querySelectorAll("[data-shortcuts]").forEach((button) => button.addEventListener("click", () => openFrom(button, dialog)));
  // In the capture phase: Escape closes what is open, which this handler must still find open.
  document.addEventListener("keydown", (event) => pressed(event, all), true);
}

/** Without the file, which a newer release may have removed, the search is a page. */
export function search() {
  import("./search/palette.js").then(
    ({ togglePalette }) => togglePalette(SHORTCUTS, IS_MAC),
    () => window.location.assign("/search/"),
  );
}

/** When the dialog closes, the focus returns to what has it now: the item itself is in a menu that has closed by then. */
function openFrom(button, dialog) {
  button.closest("details")?.querySelector("summary").focus();
  open(dialog);
}

/** The rows are made when they are first read. */
async function open(dialog) {
  const { fill } = await import("./shortcut_list.js");
  fill(dialog, SHORTCUTS, IS_MAC);
  dialog.showModal();
}

function pressed(event, actions) {
  // Escape also cancels a word in Japanese, Chinese and Korean input; Safari then reports keyCode 229. A browser that fills in a
  // field reports keys without a name.
  if (event.isComposing || event.keyCode === 229 || event.repeat || !event.key) return;
  const shortcut = SHORTCUTS.find((one) => fits(one, event));
  const action = actions[shortcut?.does];
  if (action && !isElsewhere(event, shortcut) && action() !== false) event.preventDefault();
}

function fits({ command = false, alt = false, shift, ...shortcut }, event) {
  if (command !== (event.ctrlKey || event.metaKey) || alt !== event.altKey) return false;
  if (command && IS_MAC && !event.metaKey) return false;
  return (shift === undefined || shift === event.shiftKey) && isKey(shortcut, event);
}

/** On keyboards for other scripts, keys are found by their position. */
function isKey({ key, code }, { key: typed, code: pressed }) {
  if (typed.toUpperCase() === key.toUpperCase() || code === pressed) return true;
  return /^[A-Z]$/.test(key) && typed > "\x7f" && pressed === `Key${key}`;
}

/** The key belongs to what is open, or to the text in a field: on a Mac these arrows select paragraphs. */
function isElsewhere({ target }, { does, alt }) {
  if (document.querySelector("dialog[open]")) return true;
  if (alt && IS_MAC && target.value) return true;
  return does === "stop" && isOpen(target);
}

function isOpen(target) {
  const isRenaming = document.getElementById("rename-form")?.checkVisibility();
  return isRenaming || target.closest?.("select, .message-editor, .thread-rename, #chat-sidebar:has([data-selecting])") || document.querySelector("details[data-menu][open], :popover-open");
}
