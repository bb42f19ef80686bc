/** Emoji for shortcodes. Their table is loaded when the first one seems to be there; until then, and if that fails, codes are shown. */

const LOADED = "chat:emoji-loaded";
const AGAIN_MS = 10_000;
const SEEMS = /:[\w+-]+:/;

let emoji = null;
let loading = null;

export function hasShortcode(text) {
  return SEEMS.test(text);
}

/** As in emoji.js. */
export function withShortcodes(text, place) {
  if (!hasShortcode(text)) return text;
  if (!emoji) loading ??= loadEmoji();
  return emoji?.withEmoji(text, place) ?? text;
}

export async function loadEmoji() {
  try {
    emoji = await import("./emoji.js");
    globalThis.document?.dispatchEvent(new Event(LOADED));
  } catch {
    setTimeout(() => (loading = null), AGAIN_MS); // then the next code tries again
  }
}

/** `repaint` is called when the table has been loaded. */
export function whenEmojiLoad(repaint, signal) {
  document.addEventListener(LOADED, repaint, { signal });
}
