/** What counts as an address: only these become links, everything else stays text. */

const ELSEWHERE = /^(?:https?:\/\/[^\s/]|mailto:[^\s@]+@)/i;
// A path like `/etc/hosts` is no page of this site.
const OWN_PAGE = /^\/(?:chat|usage|accounts|admin)(?:[/?#]|$)/;
const PICTURE = /^(?:https?:\/\/[^\s/]|data:image\/)/i;

export function isAddress(target) {
  return OWN_PAGE.test(target) || (ELSEWHERE.test(target) && (/^mailto:/i.test(target) || URL.canParse(target)));
}

export function isPicture(target) {
  return PICTURE.test(target);
}

// A bare address ends where the next sentence of its language begins.
export const ENDS_ADDRESS = /[\u2018-\u201f\u2026\u2014\u3000-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65،؛؟]/;
