/** Addresses that become links; any other link target stays text. */

const ELSEWHERE = /^(?:https?:\/\/[^\s/]|mailto:[^\s@]+@)/i;
// A path like `/etc/hosts` is not a page of this site.
const OWN_PAGE = /^\/(?:chat|usage|accounts|admin)(?:[/?#]|$)/;
const PICTURE = /^(?:https?:\/\/[^\s/]|data:image\/)/i;

export function isAddress(target) {
  return OWN_PAGE.test(target) || (ELSEWHERE.test(target) && (/^mailto:/i.test(target) || URL.canParse(target)));
}

export function isPicture(target) {
  return PICTURE.test(target);
}

const LONGEST = 2_000;
const WEB = /^(?:https?:\/\/|www\.)[^\s<]*/i;
// Punctuation of the surrounding sentence, and invisible characters that change the direction of text.
const ENDS_ADDRESS =
  /["`«»\u0589\u05c3\u060c\u061b\u061f\u06d4\u0964\u0965\u1362\u2014\u2018-\u201f\u2026\u2039\u203a\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u3000-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]/;
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const PARTICLE_AFTER_HOST = /^(?:https?:\/\/)?[^/]+\/(?=\p{sc=Hiragana})/iu;
const CLOSERS = { "(": ")", "[": "]", "{": "}" };

/** The bare web address at the beginning of `source`; "" if there is none. */
export function addressAt(source) {
  const word = WEB.exec(source.slice(0, LONGEST))?.[0] ?? "";
  const ends = [word.search(ENDS_ADDRESS), endOfAscii(word), unopened(word)].filter((end) => end >= 0);
  return word.slice(0, Math.min(word.length, ...ends));
}

/** Where the sentence continues without a space, as in `https://example.com/docs的`. */
function endOfAscii(word) {
  const particle = PARTICLE_AFTER_HOST.exec(word)?.[0].length;
  if (particle) return particle;
  const first = word.search(UNSPACED);
  return first > 0 && /[\w%)]/.test(word[first - 1]) ? first : -1;
}

/** The first closing bracket that was opened outside. */
function unopened(word) {
  const open = [];
  for (const { 0: bracket, index } of word.matchAll(/[()[\]{}]/g)) {
    if (bracket in CLOSERS) open.push(CLOSERS[bracket]);
    else if (open.pop() !== bracket) return index;
  }
  return -1;
}
