/** The list of keyboard shortcuts, made of the table that binds them. */

const NAMES = { Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑" };

/** Once: then the rows are there. */
export function fill(dialog, shortcuts, isMac) {
  const template = dialog.querySelector("template");
  if (template.previousElementSibling) return;
  for (const shortcut of shortcuts) {
    const row = template.content.firstElementChild.cloneNode(true);
    const key = row.querySelector("kbd");
    row.querySelector("dt").textContent = shortcut.words;
    key.replaceWith(...keysOf(shortcut, isMac).map((name) => Object.assign(key.cloneNode(), { textContent: name })));
    template.before(row);
  }
}

/** The keys of a shortcut, as they are written on the keyboard. */
export function keysOf({ key, command, alt, shift }, isMac) {
  const modifiers = [command && (isMac ? "⌘" : "Ctrl"), alt && (isMac ? "⌥" : "Alt"), shift && (isMac ? "⇧" : "Shift")];
  return [...modifiers, NAMES[key] ?? key].filter(Boolean);
}
