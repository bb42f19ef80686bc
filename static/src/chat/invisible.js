/** Hidden characters that a model wrote. The server removes them from what people and tools write (chat/text.py). */

const IGNORABLE =
  "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f" +
  "\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}";
const NEVER = /[\u206a-\u206f\ufff0-\ufffb\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;
const VARIANT = /[\ufe00-\ufe0f]/;
const HAN_VARIANT = /[\u{e0100}-\u{e01ef}]/u;
const HAN = "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
// The flags of England, Scotland and Wales are the only emoji spelled with tags.
const FLAG = `\\u{1f3f4}(?:${["gbeng", "gbsct", "gbwls"].map((code) => [...`${code}\x7f`].map(tag).join("")).join("|")})`;
const HIDDEN = new RegExp(`${FLAG}|([${HAN}]?)([${IGNORABLE}]+)`, "gu");
const LONGEST = 8;

function tag(character) {
  return String.fromCodePoint(0xe0000 + character.codePointAt(0));
}

/** The text with the joiners, selectors and marks that scripts and emoji need, and without tags, strays and long runs. */
export function withoutHidden(text) {
  return /[^\x00-\x7f]/.test(text) ? text.replace(HIDDEN, needed) : text;
}

function needed(found, before, run) {
  if (!run) return found;
  const kept = [...run.replace(NEVER, "")].filter((one, index) => !isStray(one, index, before));
  return before + (kept.length <= LONGEST ? kept.join("") : "");
}

function isStray(character, index, before) {
  if (HAN_VARIANT.test(character)) return index > 0 || !before;
  return index > 0 && VARIANT.test(character);
}
